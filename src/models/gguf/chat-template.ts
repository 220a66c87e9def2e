import { readGgufHeader } from "./read.ts";

const KEY = "tokenizer.chat_template";

/** Reads a model's chat template; undefined if it has none. Throws a GgufError. */
export async function readChatTemplate(path: string): Promise<string | undefined> {
  const { header } = await readGgufHeader(path, KEY);
  const template = header.values.get(KEY);
  return typeof template === "string" ? template : undefined;
}
