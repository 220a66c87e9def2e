import type { GenerationEvent } from "../generation/event.ts";
import type { GenerationRequest } from "../generation/request.ts";

/** Follows an answer, so that another model can continue it if it breaks off. */
export type Continuation = {
  /** Notes an event, and returns it as part of the whole answer. */
  readonly pass: (event: GenerationEvent) => GenerationEvent;
  /** The request for the rest, after what was said so far; undefined if that can't be continued. */
  readonly next: () => GenerationRequest | undefined;
};

/** Longer answers are not kept to be continued. */
const MAX_CHARACTERS = 1_048_576;

/**
 * Only plain text of a conversation can be continued: a call, a format, reasoning or log-probabilities would have to go on in another model's
 * form, and of several choices the others may have ended.
 */
export function createContinuation(request: GenerationRequest): Continuation {
  const { prompt, choices, output, logprobs, promptLogprobs, maxTokens } = request;
  let isLost = choices !== 1 || (output ?? logprobs ?? promptLogprobs) !== undefined;
  let text = "";
  /** Each event of text is a token at least. */
  let tokens = 0;
  /** Those of the parts that have broken off. */
  let tokensBefore = 0;
  let promptTokens: number | undefined;
  /** Whitespace at the end of what was said: templates trim it, so the next model writes it again. */
  let repeated = "";

  function passText(event: Extract<GenerationEvent, { type: "text" }>): GenerationEvent {
    let own = event.text;
    while (repeated !== "" && own !== "") {
      const isSame = own[0] === repeated[0];
      repeated = isSame ? repeated.slice(1) : "";
      if (isSame) own = own.slice(1);
    }
    tokens += 1;
    if (text.length + own.length > MAX_CHARACTERS) isLost = true;
    else text += own;
    return own === event.text ? event : { ...event, text: own };
  }

  return {
    pass(event) {
      switch (event.type) {
        case "started":
          promptTokens ??= event.promptTokens;
          return event;
        case "text":
          return passText(event);
        case "usage":
          return tokensBefore === 0
            ? event
            : {
                ...event,
                promptTokens: promptTokens ?? event.promptTokens,
                cachedTokens: Math.min(event.cachedTokens, promptTokens ?? event.promptTokens),
                completionTokens: event.completionTokens + tokensBefore,
              };
        case "finished": {
          isLost = true;
          const { completionTokens } = event;
          return completionTokens === undefined || tokensBefore === 0
            ? event
            : { ...event, completionTokens: completionTokens + tokensBefore };
        }
        default:
          isLost = true;
          return event;
      }
    },
    next() {
      const left = maxTokens === undefined ? undefined : maxTokens - tokens;
      if (isLost || prompt.type !== "chat" || (left !== undefined && left < 1)) return undefined;
      const said = text.trimEnd();
      repeated = text.slice(said.length);
      tokensBefore = tokens;
      const last = prompt.continueFinal === true ? prompt.messages.at(-1) : undefined;
      const messages =
        last === undefined
          ? [...prompt.messages, { role: "assistant" as const, content: said }]
          : [...prompt.messages.slice(0, -1), { ...last, content: last.content + said }];
      return { ...request, prompt: { ...prompt, messages, continueFinal: true }, maxTokens: left };
    },
  };
}
