import { always, isNot, type Refusal } from "../refusals.ts";

const isFilled = (value: unknown) => !(Array.isArray(value) && value.length === 0);

/** The fields of Anthropic's API that this server knows and can't honour. */
export const REFUSALS: readonly Refusal[] = [
  { param: "container", asksForIt: always, reason: "there are no containers to run code in" },
  { param: "mcp_servers", asksForIt: isFilled, reason: "tools are called by the client only" },
  { param: "inference_geo", asksForIt: always, reason: "the model runs where this server runs" },
  { param: "speed", asksForIt: isNot("standard"), reason: 'only "standard" is available' },
];
