import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const rendering = z.union([z.strictObject({ text: z.string() }), z.strictObject({ error: z.string() })]);

/** What a reference gave for one family's conversations, as `scripts/record-templates.ts` writes it. */
const schema = z.strictObject({
  /** Where the template is published, in words. */
  template: z.string(),
  /** Of the template's text; another one asks for another recording. */
  sha256: z.string().length(64),
  reference: z.string(),
  /** The day on which the reference was made to believe. */
  day: z.iso.date(),
  renderings: z.record(
    z.string(),
    // What the reference was given is written down where it is not the conversation as OpenAI has it.
    z.strictObject({ given: z.record(z.string(), z.unknown()).optional(), result: rendering }),
  ),
});

export type Expected = z.infer<typeof schema>;

export function expectedFile(template: string): string {
  return fileURLToPath(new URL(`expected/${template}.json`, import.meta.url));
}

export async function readExpected(template: string): Promise<Expected> {
  return schema.parse(JSON.parse(await readFile(expectedFile(template), "utf8")));
}
