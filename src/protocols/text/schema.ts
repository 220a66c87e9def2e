import { z } from "zod";
import { boolean, string } from "../fields.ts";
import { tokenIds } from "../token-ids.ts";

const MAX_MODEL_LENGTH = 1_024;
/** A fifth of a second's work, and an answer of some megabytes. */
const MAX_CONTENT_LENGTH = 2 ** 18;

const model = string(MAX_MODEL_LENGTH)
  .nullish()
  .describe("The model's id or one of its aliases; the first model where it is left out.");

/** llama-server's `POST /tokenize`, with the model that is meant beside it. */
export const tokenizeSchema = z.object(
  {
    model,
    content: string(MAX_CONTENT_LENGTH).describe("The text to take apart."),
    add_special: boolean()
      .nullish()
      .describe("Whether the tokens that the vocabulary puts around a text are added; not, where it is left out."),
    parse_special: boolean()
      .nullish()
      .describe("Whether the spellings of control tokens become control tokens; they do, where it is left out."),
    with_pieces: boolean()
      .nullish()
      .describe("Whether each token comes with its text, or its bytes where it is no text."),
  },
  { error: "an object" },
);

/** llama-server's `POST /detokenize`. */
export const detokenizeSchema = z.object(
  { model, tokens: tokenIds.describe("Token ids of the model's vocabulary.") },
  { error: "an object" },
);

/** What tells whose template `POST /apply-template` is to apply; the rest is a chat completion's. */
export const templateModelSchema = z.object({ model }, { error: "an object" });
