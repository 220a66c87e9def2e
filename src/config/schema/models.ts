import { z } from "zod";
import { ownSettingSchema } from "../model-settings.ts";
import { routeSchema } from "../routes.ts";

/** Which models are served, and under which names. */
export const models = {
  model: z
    .array(z.string().min(1).max(4096))
    .max(16)
    .default(["smollm2-135m-instruct"])
    .describe("model to serve: a catalogue name, hf:owner/repo:QUANT, an https: URL or a path; may be repeated"),
  adapters: z
    .array(
      z
        .string()
        .max(4096)
        .regex(/^\s*[^=+\s][^=+]*\+[A-Za-z0-9._-]{1,64}\s*=\s*\S/)
        .describe("MODEL+NAME=PATH"),
    )
    .max(256)
    .default([])
    .meta({
      description:
        "LoRA adapter of a served model, as MODEL+NAME=PATH of a GGUF file; served under MODEL+NAME and loaded by its first request; may be repeated",
      placeholder: "model+name=path",
      singular: "--adapter",
    }),
  aliases: z
    .array(
      z
        .string()
        .max(4096)
        .regex(/^\s*[^=\s][^=]*=\s*\S/)
        .describe("NAME=MODEL"),
    )
    .max(256)
    .default([])
    .meta({
      description: "another name for a served model, as NAME=MODEL; may be repeated",
      placeholder: "name=model",
    }),
  routes: z.array(routeSchema).max(64).prefault([]).meta({
    description: "a name that stands for several models, as NAME=MODEL for each of them, in order; may be repeated",
    placeholder: "name=model",
    isGroups: true,
    singular: "--route",
  }),
  unknownModel: z
    .enum(["refuse", "default"])
    .default("refuse")
    .describe("how to handle a request for an unknown model: refuse it with a 404, or let the default model answer"),
  listPresets: z.boolean().default(true).describe("include the presets in the list of models"),
  modelsDir: z.string().min(1).default("models").describe("folder for downloaded models"),
  perModel: z.array(ownSettingSchema).max(512).default([]).meta({
    description: "a setting for one model only, as MODEL.SETTING=VALUE; may be repeated",
    placeholder: "model.setting=value",
    isSection: true,
  }),
};
