import type { Backend } from "../../generation/backend.ts";
import { DEFAULT_SETTINGS, encodeSettings } from "./settings.ts";

/** Encodes llama-server's `GET /props`: facts about the model, but not about the machine. */
export function encodeProps(model: Backend, version: string) {
  const { slots, chatTemplate, beginText, endText, contextTokens } = model.details();
  return {
    default_generation_settings: {
      id: 0,
      n_ctx: contextTokens ?? 0,
      is_processing: false,
      params: encodeSettings({ ...DEFAULT_SETTINGS, contextTokens }),
    },
    total_slots: slots ?? 0,
    model_alias: model.id,
    model_path: model.id,
    modalities: { vision: false, audio: false },
    chat_template: chatTemplate ?? "",
    bos_token: beginText ?? "",
    eos_token: endText ?? "",
    build_info: `sluice-${version}`,
    is_sleeping: model.state() === "unloaded",
  };
}

/** Encodes llama-server's `GET /slots`: which slots are busy, but not who uses them. */
export function encodeSlots(model: Backend) {
  const { slots = 0, contextTokens = 0 } = model.details();
  const running = model.workload()?.running ?? 0;
  return Array.from({ length: slots }, (_, id) => ({
    id,
    n_ctx: contextTokens,
    speculative: false,
    is_processing: id < running,
  }));
}
