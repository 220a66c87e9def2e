import { PRIORITIES, type Priority } from "../generation/terms.ts";

/** The names of llm-d's objectives, in lower case, and the class that each stands for. */
export type Objectives = ReadonlyMap<string, Priority>;

/** llm-d's header, and its former name. */
const OBJECTIVE_HEADERS = ["x-llm-d-inference-objective", "x-gateway-inference-objective"];
const FLOW_HEADERS = ["x-llm-d-inference-fairness-id", "x-gateway-inference-fairness-id"];
const WAIT_HEADERS = ["x-llm-d-slo-ttft-ms", "x-slo-ttft-ms"];

const MAX_FLOW_LENGTH = 256;

type Header = (name: string) => string | undefined;

/** Reads the setting: `NAME=CLASS` each. */
export function readObjectives(settings: readonly string[]): Objectives {
  return new Map(
    settings.flatMap((text) => {
      const at = text.lastIndexOf("=");
      const priority = PRIORITIES.find((each) => each === text.slice(at + 1).trim());
      return priority === undefined ? [] : [[text.slice(0, at).trim().toLowerCase(), priority] as const];
    }),
  );
}

/** The class that a request's objective stands for: that of the settings, or the class of the same name. */
export function objectiveOf(header: Header, objectives: Objectives | undefined): Priority | undefined {
  const name = firstOf(header, OBJECTIVE_HEADERS)?.trim().toLowerCase();
  if (name === undefined) return undefined;
  return objectives?.get(name) ?? PRIORITIES.find((each) => each === name);
}

/** Whose turns the request takes within its key. What is no name is ignored: the header isn't ours. */
export function flowOf(header: Header): string | undefined {
  const name = firstOf(header, FLOW_HEADERS);
  return name !== undefined && name.length <= MAX_FLOW_LENGTH && /^[\x21-\x7e]+$/.test(name) ? name : undefined;
}

/** The longest time to the first token that was promised to the client, in ms. */
export function promisedMs(header: Header, maxMs: number): number | undefined {
  const text = firstOf(header, WAIT_HEADERS);
  const ms = text !== undefined && /^\d{1,15}(\.\d{1,9})?$/.test(text) ? Math.floor(Number(text)) : 0;
  return ms < 1 ? undefined : Math.min(ms, maxMs);
}

/** Whether a request comes by way of llm-d, which takes a 429 for a request that was shed. */
export function speaksLlmD(header: Header): boolean {
  return [...OBJECTIVE_HEADERS, ...FLOW_HEADERS, ...WAIT_HEADERS].some((name) => header(name) !== undefined);
}

function firstOf(header: Header, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = header(name);
    if (value !== undefined) return value;
  }
  return undefined;
}
