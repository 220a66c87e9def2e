import type { Reader } from "../chat/conversation.ts";
import { CommandError } from "../errors.ts";

/** No answer that somebody reads is longer; a model that never ends, or a server that isn't one, would fill the memory. */
const MAX_CHARS = 4 * 1024 * 1024;

/** A reader that stops an answer without an end: it throws a CommandError. */
export function bounded(reader: Reader): Reader {
  let chars = 0;
  const counted = (read: (text: string) => void) => (text: string) => {
    chars += text.length;
    if (chars > MAX_CHARS) {
      throw new CommandError(
        `The answer was stopped: it has more than ${MAX_CHARS} characters. Name another model with --model.`,
      );
    }
    read(text);
  };
  return { ...reader, add: counted(reader.add), addThought: counted(reader.addThought) };
}
