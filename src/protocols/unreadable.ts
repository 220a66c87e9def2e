import { destination } from "./destination.ts";
import { InvalidRequestError } from "./errors.ts";

/** The length to which a note quotes a file name. */
const MAX_NAME_LENGTH = 128;

/** Names of the content that a text model can't read, by the part types of all protocols. */
const KINDS: ReadonlyMap<string, string> = new Map([
  ["image", "image"],
  ["image_url", "image"],
  ["input_image", "image"],
  ["input_audio", "audio"],
  ["audio", "audio"],
  ["audio_url", "audio"],
  ["video_url", "video"],
  ["input_video", "video"],
  ["file", "file"],
  ["input_file", "file"],
  ["container_upload", "file"],
  ["document", "document"],
  ["computer_screenshot", "screenshot"],
]);

/** The note that replaces a part that a text model can't read, so that the conversation can continue. */
export function noteOmitted(type: string, name?: unknown): string {
  const kind = KINDS.get(type) ?? type.slice(0, MAX_NAME_LENGTH);
  const called = typeof name === "string" && name !== "" ? ` "${name.slice(0, MAX_NAME_LENGTH)}"` : "";
  return `[${kind}${called} omitted: the model reads text only]`.toWellFormed();
}

/** The error for a part that the model can't be given in the newest user message, where the user asks about it. */
export function refuseUnreadable(type: string, param: string): InvalidRequestError {
  const kind = KINDS.get(type);
  if (kind === "image" && destination().readsImages) {
    return new InvalidRequestError(
      `Invalid '${param}': an image must be an http or https URL, or in base64, such as 'data:image/png;base64,…'. Files are not known here.`,
      param,
      "invalid_image_url",
    );
  }
  return new InvalidRequestError(
    kind === undefined
      ? `Unsupported value: '${param}' has the type '${type.slice(0, MAX_NAME_LENGTH)}', and the model reads text only. Remove it, or send its content as text.`
      : `There is no ${kind} input here: the model reads text only. Remove '${param}', or send its content as text.`,
    param,
    "unsupported_value",
  );
}
