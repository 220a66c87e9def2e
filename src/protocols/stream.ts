import type { GenerationEvent } from "../generation/event.ts";
import type { WireError } from "./errors.ts";

/**
 * Encodes one generation as a stream. Each call returns the text to send, `""` for none, in order.
 */
export type StreamEncoder = {
  /** The start of the stream, before the first token. */
  readonly open: () => string;
  readonly encode: (event: GenerationEvent) => string;
  /** A keep-alive event, after `open`; `""` if the protocol has none. */
  readonly beat: () => string;
  /** The end of the stream, after the last event. Throws if the answer is incomplete. */
  readonly close: () => string;
  /** Ends the stream with this error. */
  readonly fail: (error: WireError) => string;
};
