import { z } from "zod";
import { integer, string } from "../fields.ts";
import { parseWire, unknownParameter } from "../issue.ts";

/** The paths that items can be sent to. */
const ITEM_ENDPOINTS = [
  "/v1/chat/completions",
  "/v1/messages",
  "/v1/responses",
  "/v1/completions",
  "/v1/embeddings",
  "/v1/rerank",
] as const;

const MAX_IN_FLIGHT = 256;
const USUAL_IN_FLIGHT = 8;
const MAX_IDLE_SECONDS = 86_400;

/** The query of `POST /v1/stream`. */
export const streamQuerySchema = z.object({
  preset: string(256).min(1).optional(),
  endpoint: z.enum(ITEM_ENDPOINTS).optional(),
  order: z.enum(["input", "completion"]).optional(),
  in_flight: integer(1, MAX_IN_FLIGHT).optional(),
  class: z.enum(["interactive", "default", "batch"]).optional(),
  idle_seconds: integer(1, MAX_IDLE_SECONDS).optional(),
});

/** How the items of a stream are answered. */
export type StreamQuery = {
  readonly preset: string | undefined;
  readonly endpoint: (typeof ITEM_ENDPOINTS)[number];
  /** Whether results come in the items' order. */
  readonly isOrdered: boolean;
  readonly inFlight: number;
  readonly priority: "interactive" | "default" | "batch";
  /** Undefined means the server's own bound. */
  readonly idleMs: number | undefined;
};

const NUMBERS = ["in_flight", "idle_seconds"] as const;

/** Throws `InvalidRequestError`. */
export function decodeStreamQuery(query: Readonly<Record<string, string>>): StreamQuery {
  const unknown = Object.keys(query).find((name) => !Object.hasOwn(streamQuerySchema.shape, name));
  if (unknown !== undefined) {
    const known = Object.keys(streamQuerySchema.shape).join(", ");
    throw unknownParameter(unknown, `${known}. Fields of requests go into a template`);
  }
  const numbers = NUMBERS.flatMap((name) => {
    const text = query[name];
    return text === undefined ? [] : [[name, /^-?\d{1,9}$/.test(text) ? Number(text) : text]];
  });
  const asked = parseWire(streamQuerySchema, { ...query, ...Object.fromEntries(numbers) });
  return {
    preset: asked.preset?.replace(/^preset\//i, ""),
    endpoint: asked.endpoint ?? "/v1/chat/completions",
    isOrdered: asked.order === "input",
    inFlight: asked.in_flight ?? USUAL_IN_FLIGHT,
    priority: asked.class ?? "batch",
    idleMs: asked.idle_seconds === undefined ? undefined : asked.idle_seconds * 1000,
  };
}

const itemId = z.union([z.string().min(1).max(512), z.int()]);

/** A line that is sent: an item, or the template of all. */
export const streamLineSchema = z.union([
  z.object({
    id: itemId.optional().describe("Stands in the result; the item's index if absent."),
    input: z
      .string()
      .optional()
      .describe("A text for the model: the user's message, or what the endpoint takes as its input."),
    variables: z.record(z.string(), z.unknown()).optional().describe("Those of the preset."),
    body: z
      .record(z.string(), z.unknown())
      .optional()
      .describe("Fields of the request, which count before the template's."),
  }),
  z.object({ template: z.record(z.string(), z.unknown()).describe("On the first line only: fields of all requests.") }),
]);

/** A line that comes back. */
export const streamResultSchema = z.union([
  z.object({ id: itemId, index: z.int().min(0), status: z.int(), response: z.unknown() }),
  z.object({ id: itemId, index: z.int().min(0), status: z.int(), error: z.unknown() }),
  z.object({
    end: z.object({
      reason: z.enum(["input_ended", "idle", "stopping", "invalid_template"]),
      message: z.string().optional(),
      items: z.int().min(0),
      failed: z.int().min(0),
    }),
  }),
]);
