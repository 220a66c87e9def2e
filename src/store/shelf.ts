import type { BatchQueue, BatchStore } from "./batches.ts";
import type { FileStore } from "./files.ts";
import type { UploadStore } from "./uploads.ts";

/** The same calls, answered at once by the state file, or later by what several gateways share. */
export type Either<T> = {
  readonly [Name in keyof T]: T[Name] extends (...given: infer Given) => infer Answer
    ? (...given: Given) => Answer | Promise<Answer>
    : T[Name];
};

/** One tenant's files, with what is made of them. */
export type Shelf = {
  readonly files: Either<FileStore>;
  readonly batches: Either<BatchStore>;
  readonly uploads: Either<UploadStore>;
  readonly reads: Either<BatchQueue>["reads"];
};
