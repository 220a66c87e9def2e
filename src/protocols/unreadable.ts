import { InvalidRequestError } from "./errors.ts";

/** Names of files are quoted in a note up to this length. */
const MAX_NAME_LENGTH = 128;

/** The kinds of part that a text model can't read, in words, by the types that protocols have for them. */
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

/** What stands in the place of a part that a text model can't read: a note, so that the rest of the conversation can go on. */
export function noteOmitted(type: string, name?: unknown): string {
  const kind = KINDS.get(type) ?? type.slice(0, MAX_NAME_LENGTH);
  const called = typeof name === "string" && name !== "" ? ` "${name.slice(0, MAX_NAME_LENGTH)}"` : "";
  return `[${kind}${called} omitted: the model reads text only]`.toWellFormed();
}

/** Refuses a part that a text model can't read, where the user asks about nothing else: in the newest message. */
export function refuseUnreadable(type: string, param: string): InvalidRequestError {
  const kind = KINDS.get(type);
  return new InvalidRequestError(
    kind === undefined
      ? `Unsupported value: '${param}' is of the type '${type.slice(0, MAX_NAME_LENGTH)}', and the model here reads text only. Remove it, or send what it says as text.`
      : `There is no ${kind} input here: the model reads text only. Remove '${param}', or send what it says as text.`,
    param,
    "unsupported_value",
  );
}
