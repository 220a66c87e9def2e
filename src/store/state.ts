import { type ChatStore, createChatStore } from "./chat-completions.ts";
import { type ConversationStore, createConversationStore } from "./conversations.ts";
import { createDatabase, type Prepare } from "./database.ts";
import { createKeyStore, type KeyStore } from "./keys.ts";
import { prune, type Retention } from "./prune.ts";
import { createResponseStore, failInterrupted, type ResponseStore } from "./responses.ts";
import { createSeal, type Seal } from "./seal.ts";
import { createUsageStore, type UsageStore } from "./usage.ts";

/** What one tenant has stored. */
export type TenantState = {
  readonly responses: ResponseStore;
  readonly conversations: ConversationStore;
  readonly chats: ChatStore;
  /** Closes texts that clients keep. */
  readonly seal: Seal;
  /** Throws `StateError` where about so many bytes could not be kept now, so that nobody works for something that can't be. */
  readonly assertRoom: (bytes: number) => void;
};

/** What must survive a restart. Every call may throw `StateError`; then nothing was written. Without `of` it is that of nobody's key. */
export type State = TenantState & {
  /** The state of a tenant: it sees nobody else's. */
  readonly of: (tenant: string) => TenantState;
  readonly keys: KeyStore;
  readonly usage: UsageStore;
  readonly close: () => void;
};

export type StateOptions = {
  /** Its path, or `:memory:`. The folder is made where there is none. */
  readonly file: string;
  readonly retention: Retention;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
  /** This process; `process.pid` if absent. */
  readonly pid?: number;
  /** Whether another process runs. */
  readonly isAlive?: (pid: number) => boolean;
};

/** The owner of rows that were stored without a key. */
const NOBODY = "default";

/** The file is cleared up at its opening and after so many writes. */
const WRITES_BETWEEN_PRUNES = 50;

/** State in a SQLite file, which is opened at the first use. */
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
  });

  function afterWrite(sql: Prepare): void {
    writes += 1;
    if (writes % WRITES_BETWEEN_PRUNES === 0) {
      prune(sql, retention, now());
    }
  }

  const of = (tenant: string): TenantState => ({
    responses: createResponseStore(database, { tenant, pid, now, afterWrite }),
    conversations: createConversationStore(database, { tenant, now, afterWrite }),
    chats: createChatStore(database, { tenant, afterWrite }),
    seal: createSeal(database, tenant),
    assertRoom: database.assertRoom,
  });

  return {
    ...of(NOBODY),
    of,
    keys: createKeyStore(database),
    usage: createUsageStore(database),
    close: database.close,
  };
}

/** Keys and their usage, for a program that runs at the same time as the gateway: it does not touch the gateway's own work. */
export type KeyState = { readonly keys: KeyStore; readonly usage: UsageStore; readonly close: () => void };

export function openKeyState(file: string): KeyState {
  const database = createDatabase(file, () => {});
  return { keys: createKeyStore(database), usage: createUsageStore(database), close: database.close };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and another user's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
