import { z } from "zod";
import { endUser, integer, modelName, readLater, string } from "../fields.ts";

/** OpenAI's limit on a list. */
export const MAX_INPUTS = 2_048;
/** Far more than any context holds. The model's own limit is in tokens. */
export const MAX_TEXT_LENGTH = 4 * 1024 * 1024;
const MAX_TOKENS = 1_048_576;
const MAX_DIMENSIONS = 65_536;

const FORMS = "a string, an array of strings, an array of token ids, or an array of arrays of token ids";

const text = string(MAX_TEXT_LENGTH).min(1);
const tokens = z.array(integer(0, 0xffff_ffff)).min(1).max(MAX_TOKENS);

/** The forms of `input`. `decode.ts` picks one by the value's type, so that errors are about the intended form. */
export const inputSchemas = {
  text: z.object({ input: z.string({ error: FORMS }).min(1).max(MAX_TEXT_LENGTH) }),
  texts: z.object({ input: z.array(text).min(1).max(MAX_INPUTS) }),
  tokens: z.object({ input: tokens }),
  tokenLists: z.object({ input: z.array(tokens).min(1).max(MAX_INPUTS) }),
};

/** The supported fields of `POST /v1/embeddings`. Unknown fields are ignored, and `null` counts as absent. */
export const embeddingsRequestSchema = z.object(
  {
    model: modelName(),
    input: readLater(z.union(Object.values(inputSchemas).map(({ shape }) => shape.input))).describe(
      "What to embed: a string, token ids, or a list of either.",
    ),
    dimensions: integer(1, MAX_DIMENSIONS)
      .nullish()
      .describe("The number of dimensions to keep from each vector, which is then normalised again."),
    encoding_format: z
      .enum(["float", "base64"])
      .nullish()
      .describe("`float` for numbers, or `base64` for little-endian 32-bit floats."),
    user: endUser,
  },
  { error: "an object" },
);
