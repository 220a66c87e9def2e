import { z } from "zod";
import { type MessageOf, parserOf } from "../contract/parse.ts";

/** What a quantizing process does. */
export type QuantizeRequest = {
  /** The binding's add-on, beside which llama.cpp's library is. */
  readonly addon: string;
  readonly from: string;
  readonly to: string;
  /** Its number in `enum llama_ftype`. */
  readonly fileType: number;
  readonly threads: number;
  /** Whether nothing is written, and only the sizes are found. */
  readonly isTrial: boolean;
};

const count = z.int().nonnegative();

const newsSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("tensor"), done: count, all: count }),
  z.object({
    type: z.literal("done"),
    /** The size of all tensors, which is little less than that of the file. */
    weightBytes: z.number().nonnegative(),
    tensors: count,
    /** How many tensors got a larger type, because their rows don't fill the blocks of the asked one. */
    fallbacks: count,
  }),
  /** The last lines that llama.cpp printed. */
  z.object({ type: z.literal("failed"), lines: z.array(z.string()) }),
]);

/** What a quantizing process tells, the result last. */
export type QuantizeNews = MessageOf<typeof newsSchema>;

export const parseQuantizeNews = parserOf(newsSchema);
