import { z } from "zod";
import { integer, modelName, readLater, string } from "../fields.ts";

const MAX_NAME_LENGTH = 1_024;
/** OpenAI's bound on a list. */
export const MAX_INPUTS = 2_048;
/** Far beyond every context; the model's own bound is told in tokens. */
export const MAX_TEXT_LENGTH = 4 * 1024 * 1024;
const MAX_TOKENS = 1_048_576;
const MAX_DIMENSIONS = 65_536;

const FORMS = "a string, an array of strings, an array of token ids, or an array of arrays of token ids";

const text = string(MAX_TEXT_LENGTH).min(1);
const tokens = z.array(integer(0, 0xffff_ffff)).min(1).max(MAX_TOKENS);

/** The forms that `input` may have. `decode.ts` picks one by what the value looks like, so that an error is about the form that was meant. */
export const inputSchemas = {
  text: z.object({ input: z.string({ error: FORMS }).min(1).max(MAX_TEXT_LENGTH) }),
  texts: z.object({ input: z.array(text).min(1).max(MAX_INPUTS) }),
  tokens: z.object({ input: tokens }),
  tokenLists: z.object({ input: z.array(tokens).min(1).max(MAX_INPUTS) }),
};

/** The fields of `POST /v1/embeddings`; unknown ones are ignored, and `null` is as good as absent. */
export const embeddingsRequestSchema = z.object(
  {
    model: modelName(MAX_NAME_LENGTH),
    input: readLater(z.union(Object.values(inputSchemas).map(({ shape }) => shape.input))).describe(
      "What gets vectors: a text, token ids, or a list of either.",
    ),
    dimensions: integer(1, MAX_DIMENSIONS)
      .nullish()
      .describe("Only the first so many numbers of each vector, normalised again."),
    encoding_format: z
      .enum(["float", "base64"])
      .nullish()
      .describe("Numbers, or 32-bit floats in base64, lowest byte first."),
    user: string(MAX_NAME_LENGTH).nullish().describe("Whose request it is, in the client's words; changes nothing."),
  },
  { error: "an object" },
);
