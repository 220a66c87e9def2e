/** As many tokens as an answer has unless `max_tokens` says fewer. */
const TOKENS = 100;
/** The fields that each answer, and each frame of a stream, begins with. */
type Head = { readonly id: string; readonly created: number; readonly model: string };

const HEAD: Head = { id: "chatcmpl-0123456789abcdef0123456789abc", created: 1_750_000_000, model: "mock" };

/** As Sluice writes it, so that both send about the same number of bytes. */
export const SLUICE_HEAD = {
  ...{ ...HEAD, model: "smollm2-135m-instruct" },
  ...{ service_tier: "default", system_fingerprint: "fp_0123456789", usage: null },
};

function pieces(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => (index % 9 === 8 ? "." : " river"));
}

function usage(count: number) {
  return { prompt_tokens: 60, completion_tokens: count, total_tokens: 60 + count };
}

/** A chat completion, as text. */
export function wholeAnswer(count: number = TOKENS, head: Head = HEAD): string {
  const message = { role: "assistant", content: pieces(count).join(""), refusal: null };
  return JSON.stringify({
    ...head,
    object: "chat.completion",
    choices: [{ index: 0, message, logprobs: null, finish_reason: "length" }],
    usage: usage(count),
  });
}

/** The same as a stream, with a frame for each token. */
export function streamedAnswer(count?: number, head?: Head): string {
  return streamedFrames(count, head).join("");
}

/** The frames of such a stream; the first has the first token, too. */
export function streamedFrames(count: number = TOKENS, head: Head = HEAD): readonly string[] {
  const chunk = (delta: object, reason: string | null) => ({
    ...head,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason: reason }],
  });
  const chunks = [
    chunk({ role: "assistant", content: "" }, null),
    ...pieces(count).map((content) => chunk({ content }, null)),
    chunk({}, "length"),
    { ...head, object: "chat.completion.chunk", choices: [], usage: usage(count) },
  ];
  const [role = "", first = "", ...rest] = chunks.map((each) => `data: ${JSON.stringify(each)}\n\n`);
  return [role + first, ...rest, "data: [DONE]\n\n"];
}
