import { z } from "zod";

/** What llama.cpp can run on. */
export const BACKENDS = ["cpu", "cuda", "vulkan", "metal"] as const;

export type Backend = (typeof BACKENDS)[number];

const bytes = z.number().nonnegative();

/** What became of one try to open llama.cpp, as the process that tried it tells. */
export const inspectionReportSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("opened"),
    backend: z.enum(BACKENDS),
    /** The names of the GPUs, in the driver's words; none on the CPU. */
    deviceNames: z.array(z.string().max(256)).max(64),
    /** The memory of all GPUs together; absent on the CPU. */
    deviceMemory: z.object({ totalBytes: bytes, freeBytes: bytes }).optional(),
    /** llama.cpp's release, such as `v0.5.0`. */
    release: z.string().max(100),
    /** Cores that are fit for arithmetic. */
    mathCores: z.int().min(1),
    /** llama.cpp's own list of what it makes use of: `CPU : AVX2 = 1 | FMA = 1 | …`. */
    systemInfo: z.string().max(10_000),
  }),
  z.object({
    type: z.literal("refused"),
    reason: z.string(),
    /** What the system's loader said of what it could not load. */
    linkErrors: z.object({
      addon: z.string().optional(),
      driver: z.string().optional(),
      /** Empty as soon as one of them loads. */
      variants: z.array(z.string()),
    }),
  }),
]);

export type InspectionReport = z.infer<typeof inspectionReportSchema>;

/** What the system's loader has to load for a backend. */
export type Libraries = {
  /** llama.cpp itself, as Node loads it. */
  readonly addon: string;
  /** What comes with the system's driver, by its bare name: the backend's own library would name only the first thing that it lacks. */
  readonly driver?: string;
  /** The backend's own library, built for several releases of the driver's: one of them has to load. */
  readonly variants: readonly string[];
};
