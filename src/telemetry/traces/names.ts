/**
 * The names of attributes. Those of generative AI are of open-telemetry/semantic-conventions-genai v0.1.0, the others of semantic-conventions
 * v1.45; `sluice.*` are Sluice's own.
 */
export const NAMES = {
  method: "http.request.method",
  path: "url.path",
  route: "http.route",
  status: "http.response.status_code",
  resends: "http.request.resend_count",
  error: "error.type",
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  model: "gen_ai.request.model",
  answeringModel: "gen_ai.response.model",
  stream: "gen_ai.request.stream",
  choices: "gen_ai.request.choice.count",
  maxTokens: "gen_ai.request.max_tokens",
  reasons: "gen_ai.response.finish_reasons",
  firstChunk: "gen_ai.response.time_to_first_chunk",
  inputTokens: "gen_ai.usage.input_tokens",
  cachedTokens: "gen_ai.usage.cache_read.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  reasoningTokens: "gen_ai.usage.reasoning.output_tokens",
  conversation: "gen_ai.conversation.id",
  preset: "gen_ai.prompt.name",
  input: "gen_ai.input.messages",
  output: "gen_ai.output.messages",
  requestId: "sluice.request.id",
  keyId: "sluice.key.id",
  cache: "sluice.cache",
  class: "sluice.class",
  gatewayRoute: "sluice.route",
  tries: "sluice.route.tries",
  upstream: "sluice.upstream",
  outcome: "sluice.try.outcome",
  choice: "sluice.choice",
  tokens: "sluice.tokens",
  position: "sluice.queue.position",
} as const;

/** What answers in the gateway's own processes; other servers are told by their upstream's name. */
export const OWN_PROVIDER = "llama.cpp";
