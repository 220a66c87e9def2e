import { z } from "zod";

/** What survives a restart, and the room for files. */
export const state = {
  stateFile: z
    .string()
    .min(1)
    .default("state/sluice.db")
    .describe(
      "SQLite file for stored responses, conversations and completions, keys and usage; :memory: keeps them only until exit",
    ),
  stateMaxDays: z
    .int()
    .min(1)
    .max(36_500)
    .default(30)
    .describe("how long stored responses and completions are kept, in days"),
  stateMaxEntries: z
    .int()
    .min(1)
    .max(10_000_000)
    .default(10_000)
    .describe("maximum number of responses, of completions and of conversations to keep; the oldest are removed first"),
  maxFileBytes: z
    .int()
    .min(1024)
    .max(1_099_511_627_776)
    .default(2 * 1024 ** 3)
    .describe("maximum size of an uploaded file, in bytes"),
  maxStoredFileBytes: z
    .int()
    .min(1024)
    .max(1_125_899_906_842_624)
    .default(16 * 1024 ** 3)
    .describe("maximum size of all files of one key together, in bytes"),
};
