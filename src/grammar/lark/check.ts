import { compiledTexts } from "../compiled-texts.ts";

/** Throws `UnsupportedSchemaError` where no text can be held to a grammar in Lark's notation, or where it would cost too much. */
export function checkLark(source: string, path: string): void {
  compiledTexts.compile("lark in JSON", source, path);
}
