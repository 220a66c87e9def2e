import type { EngineOptions } from "../../src/engine/contract/messages.ts";

export type GpuChoice = EngineOptions["gpu"];

/** What is the same for every server of a run. */
export type SharedSettings = {
  readonly modelPath: string;
  /** What requests call the model; llama-server takes any name. */
  readonly modelId: string;
  readonly threads: number;
  readonly gpu: GpuChoice;
  /** Where a contestant of this name may write what it has to say. */
  logFile(name: string): string;
};
