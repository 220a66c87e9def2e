import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Answer } from "./attempt.ts";
import type { BatchUsage } from "./progress.ts";
import type { Entry } from "./writer.ts";

/** The part of a line that its result needs. */
type Asked = { readonly line: number; readonly customId: string };

/** More tokens than any answer has. What other servers report is not ours to trust, and counts beyond it add up to no integer. */
const MAX_TOKENS = 1_000_000_000;

/** More dollars than any answer costs. */
const MAX_COST = 1_000_000;

const count = z
  .number()
  .min(0)
  .catch(0)
  .transform((tokens) => Math.min(MAX_TOKENS, Math.floor(tokens)));
const details = z.record(z.string(), z.unknown()).nullish().catch(null);
const usageSchema = z.object({
  usage: z.object({
    prompt_tokens: count.optional(),
    input_tokens: count.optional(),
    completion_tokens: count.optional(),
    output_tokens: count.optional(),
    prompt_tokens_details: details,
    input_tokens_details: details,
    completion_tokens_details: details,
    output_tokens_details: details,
    cache_read_input_tokens: count.optional(),
    cost: z.number().min(0).max(MAX_COST).catch(0).optional(),
  }),
});

/** The result of a line that was answered: OpenAI's form, in which all batches write. */
export function answered({ line, customId }: Asked, { status, requestId, body }: Answer): Entry {
  const isError = status < 200 || status > 299;
  const head = `{"id":${JSON.stringify(newResultId())},"custom_id":${JSON.stringify(customId)}`;
  const response = `{"status_code":${status},"request_id":${JSON.stringify(requestId)},"body":${body}}`;
  return {
    ...{ line, isError, fate: isError ? "failed" : "completed" },
    text: `${head},"response":${response},"error":null}`,
    usage: isError ? undefined : usageOf(body),
  };
}

const REASONS = {
  expired: {
    code: "batch_expired",
    message: "This request could not be executed before the completion window expired.",
  },
  cancelled: { code: "batch_cancelled", message: "This request was not executed, because the batch was cancelled." },
  failed: { code: "server_error", message: "The server failed while it worked on this request; its log says more." },
} as const;

/** The result of a line that was not answered. */
export function unanswered({ line, customId }: Asked, fate: keyof typeof REASONS): Entry {
  const result = { id: newResultId(), custom_id: customId, response: null, error: REASONS[fate] };
  return { line, fate, isError: true, text: JSON.stringify(result) };
}

function newResultId(): string {
  return `batch_req_${randomUUID().replaceAll("-", "")}`;
}

/** The tokens that an answer reports, in any protocol. */
function usageOf(body: string): BatchUsage | undefined {
  const { data } = usageSchema.safeParse(JSON.parse(body));
  if (data === undefined) return undefined;
  const { usage } = data;
  const of = (given: Readonly<Record<string, unknown>> | null | undefined, name: string) => count.parse(given?.[name]);
  const cached = usage.cache_read_input_tokens ?? 0;
  return {
    // Anthropic's tokens of the input don't include those that are cached.
    input: (usage.input_tokens ?? usage.prompt_tokens ?? 0) + cached,
    cached: cached + of(usage.input_tokens_details ?? usage.prompt_tokens_details, "cached_tokens"),
    output: usage.output_tokens ?? usage.completion_tokens ?? 0,
    reasoning: of(usage.output_tokens_details ?? usage.completion_tokens_details, "reasoning_tokens"),
    cost: usage.cost ?? 0,
  };
}
