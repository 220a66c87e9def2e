import { z } from "zod";
import { memorySchema } from "../amounts.ts";
import { modelSettings } from "../model-settings.ts";

/** Which models are loaded, and the room that each takes. */
export const memory = {
  onDemand: z.array(z.string().min(1).max(4096)).max(256).default([]).meta({
    description:
      "model that is loaded when it is asked for, named as in model, or downloaded for all in the models folder; if only these are given, no model is loaded at the start; may be repeated",
    placeholder: "model|downloaded",
  }),
  memory: memorySchema.default("auto").meta({
    description:
      "memory that loaded models may take together; models that are not in use are unloaded when another one needs it; auto takes 90 % of what is free at the start",
    placeholder: "auto|size",
  }),
  keepLoaded: modelSettings.keepLoaded,
  preload: modelSettings.preload,
  pin: modelSettings.pin,
  slots: modelSettings.slots,
  minSlots: modelSettings.minSlots,
  replicas: modelSettings.replicas,
  devices: modelSettings.devices,
  canary: modelSettings.canary,
  context: modelSettings.context,
  keepPrefixes: z
    .boolean()
    .default(true)
    .describe(
      "keep evaluated prompts when a model is unloaded or the gateway ends, in files beside the state file that contain the prompts",
    ),
  prefixStoreBytes: modelSettings.prefixStoreBytes,
};
