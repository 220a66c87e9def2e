import type { EngineOptions } from "../../src/engine/contract/messages.ts";

export type GpuChoice = EngineOptions["gpu"];

/** The settings that all servers of a run share. */
export type SharedSettings = {
  readonly modelPath: string;
  /** The model's name in requests; llama-server accepts any. */
  readonly modelId: string;
  readonly threads: number;
  readonly gpu: GpuChoice;
  /** The log file of a contestant. */
  logFile(name: string): string;
};
