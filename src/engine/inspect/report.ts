import { z } from "zod";

/** The backends of llama.cpp. */
export const BACKENDS = ["cpu", "cuda", "vulkan", "metal"] as const;

export type Backend = (typeof BACKENDS)[number];

const bytes = z.number().nonnegative();

/** The report of the process that tried to open llama.cpp. */
export const inspectionReportSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("opened"),
    backend: z.enum(BACKENDS),
    /** The names of the GPUs, as the driver gives them; empty on the CPU. */
    deviceNames: z.array(z.string().max(256)).max(64),
    /** The memory of all GPUs together; absent on the CPU. */
    deviceMemory: z.object({ totalBytes: bytes, freeBytes: bytes }).optional(),
    /** llama.cpp's release, such as `v0.5.0`. */
    release: z.string().max(100),
    /** The number of cores that llama.cpp counts for arithmetic. */
    mathCores: z.int().min(1),
    /** llama.cpp's list of the features that it uses: `CPU : AVX2 = 1 | FMA = 1 | …`. */
    systemInfo: z.string().max(10_000),
  }),
  z.object({
    type: z.literal("refused"),
    reason: z.string(),
    /** The system loader's errors. */
    linkErrors: z.object({
      addon: z.string().optional(),
      driver: z.string().optional(),
      /** Empty if one of them loads. */
      variants: z.array(z.string()),
    }),
  }),
]);

export type InspectionReport = z.infer<typeof inspectionReportSchema>;

/** The libraries that a backend needs. */
export type Libraries = {
  /** llama.cpp, as a Node add-on. */
  readonly addon: string;
  /** The driver's library, by its bare name. It is checked separately, because the loader names only the first missing library. */
  readonly driver?: string;
  /** The backend's library, built for several releases of the driver. One of them must load. */
  readonly variants: readonly string[];
};
