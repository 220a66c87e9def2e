import type { Sampler } from "../worker/backend.ts";
import type { SamplerConfig, SamplerConfigFor } from "../worker/sampling.ts";
import type { NativeContext, NativeSampler } from "./binding.ts";

/** Draws with llama.cpp's chain: bias → penalties → top-k → top-p → min-p → temperature → draw. */
export function createSampler(context: NativeContext, native: NativeSampler, configFor: SamplerConfigFor): Sampler {
  let current: SamplerConfig | undefined;
  return {
    async sample(logitIndex, history) {
      const config = configFor(history);
      if (config !== current) native.applyConfig(config);
      current = config;
      return await context.sampleToken(logitIndex, native);
    },
    dispose: () => native.dispose(),
  };
}
