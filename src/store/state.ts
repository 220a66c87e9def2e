import { type BatchQueue, type BatchStore, createBatchQueue, createBatchStore } from "./batches.ts";
import { type ChatStore, createChatStore } from "./chat-completions.ts";
import { type ComparisonStore, createComparisonStore } from "./comparisons.ts";
import { type ConversationStore, createConversationStore } from "./conversations.ts";
import { createDatabase, type Prepare } from "./database.ts";
import { createFileIndex, createFileStore, type FileIndex, type FileStore } from "./files.ts";
import { createKeyStore, type KeyStore } from "./keys.ts";
import { isRunning } from "./processes.ts";
import { prune, type Retention } from "./prune.ts";
import { createResponseStore, failInterrupted, type ResponseStore } from "./responses.ts";
import { createSeal, type Seal } from "./seal.ts";
import { createSegmentStore, type SegmentStore } from "./segments.ts";
import { createShadowStore, type ShadowStore } from "./shadow.ts";
import { createStreamStore, pruneStreams, type StreamStore } from "./streams.ts";
import { createUploadStore, isPartOfUpload, type UploadStore } from "./uploads.ts";
import { createUsageStore, type UsageStore } from "./usage.ts";

/** The stored objects of one tenant. */
export type TenantState = {
  readonly responses: ResponseStore;
  readonly conversations: ConversationStore;
  readonly chats: ChatStore;
  readonly files: FileStore;
  readonly batches: BatchStore;
  readonly uploads: UploadStore;
  /** Seals texts that clients keep. */
  readonly seal: Seal;
  /** Throws `StateError` if about this many bytes could not be stored now, so that no work is done in vain. */
  readonly assertRoom: (bytes: number) => void;
};

/**
 * Everything that survives a restart. Each call may throw `StateError`; then nothing was written. Without `of` it is the state of requests without
 * a key.
 */
export type State = TenantState & {
  /** The state of one tenant. */
  readonly of: (tenant: string) => TenantState;
  readonly keys: KeyStore;
  readonly usage: UsageStore;
  /** The files of all tenants. */
  readonly fileIndex: FileIndex;
  /** Whether a batch or an upload needs a file that is not stored under its own name, or no longer. */
  readonly needsFile: (id: string) => boolean;
  /** The batches of all tenants. */
  readonly batchQueue: BatchQueue;
  /** What other servers have of these batches. */
  readonly segments: SegmentStore;
  /** Whether the state file exists, so that something may be stored in it. */
  readonly exists: () => boolean;
  readonly shadows: ShadowStore;
  readonly comparisons: ComparisonStore;
  /** The streams of all tenants that another process can go on with. */
  readonly streams: StreamStore;
  readonly close: () => void;
};

export type StateOptions = {
  /** Its path, or `:memory:`. A missing folder is created. */
  readonly file: string;
  readonly retention: Retention;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
  /** The id of this process; `process.pid` if absent. */
  readonly pid?: number;
  /** Whether another process runs. */
  readonly isAlive?: (pid: number) => boolean;
};

/** The owner of rows that were stored without a key. */
const NOBODY = "default";

/** The file is pruned when it is opened and after this many writes. */
const WRITES_BETWEEN_PRUNES = 50;

/** Creates the state in a SQLite file, which is opened at the first use. */
export function createState({
  file,
  retention,
  now = Date.now,
  pid = process.pid,
  isAlive = isRunning,
}: StateOptions): State {
  let writes = 0;
  const database = createDatabase(file, (sql) => {
    failInterrupted(sql, pid, isAlive);
    prune(sql, retention, now());
    pruneStreams(sql, now());
  });

  function afterWrite(sql: Prepare): void {
    writes += 1;
    if (writes % WRITES_BETWEEN_PRUNES === 0) {
      prune(sql, retention, now());
      pruneStreams(sql, now());
    }
  }

  const of = (tenant: string): TenantState => ({
    responses: createResponseStore(database, { tenant, pid, now, afterWrite }),
    conversations: createConversationStore(database, { tenant, now, afterWrite }),
    chats: createChatStore(database, { tenant, afterWrite }),
    files: createFileStore(database, { tenant, now }),
    batches: createBatchStore(database, { tenant, afterWrite }),
    uploads: createUploadStore(database, { tenant, now }),
    seal: createSeal(database, tenant),
    assertRoom: database.assertRoom,
  });

  const batchQueue = createBatchQueue(database);

  return {
    ...of(NOBODY),
    of,
    keys: createKeyStore(database),
    usage: createUsageStore(database),
    fileIndex: createFileIndex(database, now),
    batchQueue,
    segments: createSegmentStore(database),
    needsFile: (id) => batchQueue.needs(id) || isPartOfUpload(database, id, now()),
    exists: database.exists,
    shadows: createShadowStore(database, afterWrite),
    comparisons: createComparisonStore(database),
    streams: createStreamStore(database, { pid, isAlive, now }),
    close: database.close,
  };
}

/** Keys, their usage and what was measured, for a program that runs beside the gateway. It doesn't touch the gateway's responses. */
export type KeyState = {
  readonly keys: KeyStore;
  readonly usage: UsageStore;
  readonly shadows: ShadowStore;
  readonly comparisons: ComparisonStore;
  readonly close: () => void;
};

export function openKeyState(file: string): KeyState {
  const database = createDatabase(file, () => {});
  return {
    keys: createKeyStore(database),
    usage: createUsageStore(database),
    shadows: createShadowStore(database, () => {}),
    comparisons: createComparisonStore(database),
    close: database.close,
  };
}
