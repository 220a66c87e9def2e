import { InvalidRequestError } from "../errors.ts";

/** A field that is known and can't be honoured, at least not with every value. */
export type Refusal = {
  readonly param: string;
  /** Whether this value asks for what isn't there. Absent and null fields are never asked about. */
  readonly asksForIt: (value: unknown) => boolean;
  readonly reason: string;
};

const always = () => true;
const isFilled = (value: unknown) => !(Array.isArray(value) && value.length === 0);

/** The fields of Anthropic's API that this server knows and can't honour. */
export const REFUSALS: readonly Refusal[] = [
  { param: "container", asksForIt: always, reason: "there are no containers to run code in" },
  { param: "mcp_servers", asksForIt: isFilled, reason: "tools are called by the client only" },
  { param: "inference_geo", asksForIt: always, reason: "the model runs where this server runs" },
  { param: "speed", asksForIt: (value) => value !== "standard", reason: 'only "standard" is available' },
];

/** Throws `InvalidRequestError` when `body` asks for something that this server doesn't do, rather than doing without it in silence. */
export function refuseUnsupported(body: Readonly<Record<string, unknown>>): void {
  for (const { param, asksForIt, reason } of REFUSALS) {
    const value = body[param];
    if (value !== undefined && value !== null && asksForIt(value)) {
      throw new InvalidRequestError(
        `Unsupported parameter: '${param}' as it was sent is not supported here: ${reason}. Leave it out.`,
        param,
        "unsupported_parameter",
      );
    }
  }
}
