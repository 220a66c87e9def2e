import type { GenerationEvent } from "../generation/event.ts";
import type { WireError } from "./errors.ts";

/**
 * Writes one generation as the text of a server-sent event stream. Each call returns the frames to send, `""` for none; they are to be
 * sent in the order of the calls.
 */
export type StreamEncoder = {
  /** What comes before the first token. */
  readonly open: () => string;
  readonly encode: (event: GenerationEvent) => string;
  /** An event that says nothing but that the stream lives, after what `open` gives; `""` where there is none. */
  readonly beat: () => string;
  /** What comes after the last event. Throws when the answer is not whole. */
  readonly close: () => string;
  /** Instead of all the rest: the stream ends here, for this reason. */
  readonly fail: (error: WireError) => string;
};
