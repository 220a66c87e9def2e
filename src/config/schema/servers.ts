import { z } from "zod";
import { upstreamSchema } from "../upstreams.ts";

/** Other servers that answer for models, and how they compare with this machine. */
export const servers = {
  upstreams: z.array(upstreamSchema).max(64).default([]).meta({
    description:
      "other server that answers for models, as NAME=URL or NAME=KIND:URL; if only upstreams are given, no local model is served; may be repeated",
    placeholder: "name=url",
    isGroups: true,
    singular: "--upstream",
  }),
  shadowShare: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe(
      "share of the requests answered by upstreams that this machine answers too, while it is idle, to compare; 0 compares none",
    ),
  shadowModel: z.string().max(4096).default("").describe("local model that answers them, by its id or alias"),
  shadowEmbedder: z
    .string()
    .max(4096)
    .default("")
    .describe("local model whose vectors tell whether two texts say the same; without one they must be equal"),
  shadowKeepTexts: z
    .boolean()
    .default(false)
    .describe("keep the questions and answers that were compared, to propose examples for presets"),
  objectives: z
    .array(
      z
        .string()
        .max(512)
        .regex(/^\s*[^=\s][^=]*=\s*(interactive|default|batch)\s*$/)
        .describe("NAME=CLASS, where CLASS is one of interactive, default, batch"),
    )
    .max(256)
    .default([])
    .meta({
      description: "class of requests with this name in llm-d's header for objectives, as NAME=CLASS; may be repeated",
      placeholder: "name=class",
    }),
};
