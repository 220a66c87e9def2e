import { z } from "zod";
import type { Sampling } from "../../generation/request.ts";
import { decimal, mapOf } from "../fields.ts";

const MAX_BIASES = 300;
const MAX_TEXT_LENGTH = 256;
const MAX_TOKEN_ID = 2 ** 31 - 1;
const BANNED = -100;

const bias = z.union([decimal(-100, 100), z.literal(false)], { error: "a decimal or false" });
const name = z.string().min(1).max(MAX_TEXT_LENGTH);

/** llama-server's `logit_bias`: an object or pairs of a token id or a text, and a bias. */
export const logitBias = z.union(
  [
    mapOf(bias, MAX_BIASES, name),
    z
      .array(
        z.tuple([z.union([z.int().min(0).max(MAX_TOKEN_ID), name], { error: "a token id or a text" }), bias], {
          error: "a pair of a token id or text and a bias",
        }),
      )
      .max(MAX_BIASES),
  ],
  { error: "an object or array" },
);

/** A bias for all tokens of a text. */
export type TextBias = readonly [text: string, bias: number];

/** Biases for token ids, and for texts, whose tokens only the model knows. */
export type Biases = { readonly tokens: Sampling["logitBias"]; readonly texts: readonly TextBias[] };

export function decodeBiases(wire: z.infer<typeof logitBias>): Biases {
  const tokens: [number, number][] = [];
  const texts: TextBias[] = [];
  for (const [key, value] of Array.isArray(wire) ? wire : Object.entries(wire)) {
    const amount = value === false ? BANNED : value;
    // In an object, a key of digits is a token id.
    const id = typeof key === "number" ? key : /^\d{1,10}$/.test(key) && !Array.isArray(wire) ? Number(key) : undefined;
    if (id === undefined) texts.push([String(key), amount]);
    else tokens.push([id, amount]);
  }
  return { tokens, texts };
}
