import type { Logger } from "pino";
import type { ResponseCache } from "../cache/cache.ts";
import type { Backend } from "../generation/backend.ts";
import type { Generate } from "../generation/layer.ts";
import type { KeyRing } from "../keys/ring.ts";
import type { PresetLibrary } from "../prompts/library.ts";
import { findModelBehind } from "../prompts/reference.ts";
import { warmRequests } from "../prompts/warm-requests.ts";
import { createWarmUp, type WarmUp } from "../prompts/warm-up.ts";
import type { LoadControl } from "../queue/load-control.ts";
import type { ModelDirectory } from "../routing/directory.ts";

export type WarmPresetsOptions = {
  readonly presets: PresetLibrary;
  readonly models: ModelDirectory;
  /** The same that clients' requests go through. */
  readonly generate: Generate;
  readonly cache: Pick<ResponseCache, "keeps">;
  readonly keys: Pick<KeyRing, "isOn">;
  readonly load: Pick<LoadControl, "attendance">;
  readonly logger: Pick<Logger, "info" | "error">;
};

/** The warm-up of a gateway's presets. */
export type WarmPresets = WarmUp & {
  /** Warms the presets of the model with this id, except those that failed before. */
  readonly addModel: (id: string) => void;
};

export function warmPresets(options: WarmPresetsOptions): WarmPresets {
  const { presets, models, generate, cache, keys, load, logger } = options;
  const warmUp = createWarmUp({
    plan(id) {
      const preset = presets.list().find((each) => each.id === id);
      const model = preset && findModelBehind(preset, models.list());
      return model && warmRequests(preset, model.id);
    },
    generate,
    // With keys, only those find it again whose it is: what nobody has asked for is everybody's or nobody's.
    isKept: (request) => cache.keeps(request) && (request.cache?.isPublic === true || !keys.isOn()),
    quiet: load.attendance.quiet,
    log: logger,
  });
  return {
    ...warmUp,
    addModel(id) {
      const behind = presets.list().filter((preset) => findModelBehind(preset, models.list())?.id === id);
      warmUp.addUnlessFailed(behind.map((preset) => preset.id));
    },
  };
}

/** Warms what a model answers for each time that it is ready, also of models that come later. */
export function warmWhenReady(models: ModelDirectory, { addModel }: Pick<WarmPresets, "addModel">): void {
  const followed = new Map<string, () => void>();

  function follow({ id, state, onStateChange }: Backend): void {
    const stop = onStateChange?.((now) => {
      if (now === "ready") addModel(id);
    });
    followed.set(id, stop ?? (() => {}));
    if (state() === "ready") addModel(id);
  }

  function followAll(): void {
    const served = models.list();
    for (const [id, stop] of followed) {
      if (served.some((model) => model.id === id)) continue;
      stop();
      followed.delete(id);
    }
    for (const model of served) if (!followed.has(model.id)) follow(model);
  }

  followAll();
  models.onChange(followAll);
}
