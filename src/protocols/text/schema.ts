import { z } from "zod";
import { boolean, string } from "../fields.ts";
import { tokenIds } from "../token-ids.ts";

const MAX_MODEL_LENGTH = 1_024;
/** Tokenizing holds up every sequence of the model, for about a tenth of a second at this length. */
const MAX_CONTENT_LENGTH = 2 ** 18;

const model = string(MAX_MODEL_LENGTH).nullish();

/** llama-server's `POST /tokenize`, with the model that is meant beside it. */
export const tokenizeSchema = z.object(
  {
    model,
    content: string(MAX_CONTENT_LENGTH),
    add_special: boolean().nullish(),
    parse_special: boolean().nullish(),
    with_pieces: boolean().nullish(),
  },
  { error: "an object" },
);

/** llama-server's `POST /detokenize`. */
export const detokenizeSchema = z.object({ model, tokens: tokenIds }, { error: "an object" });

/** What tells whose template `POST /apply-template` is to apply; the rest is a chat completion's. */
export const templateModelSchema = z.object({ model }, { error: "an object" });
