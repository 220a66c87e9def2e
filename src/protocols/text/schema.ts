import { z } from "zod";
import type { Piece } from "../../generation/model.ts";
import { boolean, string } from "../fields.ts";
import { tokenIds } from "../token-ids.ts";

const MAX_MODEL_LENGTH = 1_024;
/** Takes about 200 ms, and the answer has some megabytes. */
const MAX_CONTENT_LENGTH = 2 ** 18;

const model = string(MAX_MODEL_LENGTH)
  .nullish()
  .describe("The model's id or one of its aliases; the first model by default.");

/** llama-server's `POST /tokenize`, and the model to use. */
export const tokenizeSchema = z.object(
  {
    model,
    content: string(MAX_CONTENT_LENGTH).describe("The text to tokenize."),
    add_special: boolean()
      .nullish()
      .describe("Whether to add the tokens that the vocabulary puts around a text; false by default."),
    parse_special: boolean()
      .nullish()
      .describe("Whether text that spells a control token becomes that token; true by default."),
    with_pieces: boolean()
      .nullish()
      .describe("Whether to return each token's text, or its bytes if it isn't valid text."),
  },
  { error: "an object" },
);

/** llama-server's `POST /detokenize`. */
export const detokenizeSchema = z.object(
  { model, tokens: tokenIds.describe("Token ids of the model's vocabulary.") },
  { error: "an object" },
);

/** The model whose template `POST /apply-template` applies. The other fields are a chat completion's. */
export const templateModelSchema = z.object({ model }, { error: "an object" });

/** A token with its text or bytes, in llama-server's form. */
export type WirePiece = { readonly id: number; readonly piece: Piece };

/** Encodes tokens with their pieces. `pieces` has one entry per token. */
export function encodePieces(tokens: readonly number[], pieces: readonly Piece[]): readonly WirePiece[] {
  return tokens.map((id, index) => ({ id, piece: pieces[index] ?? "" }));
}
