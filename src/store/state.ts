import { type ChatStore, createChatStore } from "./chat-completions.ts";
import { type ConversationStore, createConversationStore } from "./conversations.ts";
import { createDatabase, type Prepare } from "./database.ts";
import { prune, type Retention } from "./prune.ts";
import { createResponseStore, failInterrupted, type ResponseStore } from "./responses.ts";
import { createSeal, type Seal } from "./seal.ts";

/** What must survive a restart. Every call may throw `StateError`; then nothing was written. */
export type State = {
  readonly responses: ResponseStore;
  readonly conversations: ConversationStore;
  readonly chats: ChatStore;
  /** Closes texts that clients keep. */
  readonly seal: Seal;
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

/** Whose rows these are. One value, until keys have state of their own. */
const TENANT = "default";

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

  return {
    responses: createResponseStore(database, { tenant: TENANT, pid, now, afterWrite }),
    conversations: createConversationStore(database, { tenant: TENANT, now, afterWrite }),
    chats: createChatStore(database, { tenant: TENANT, afterWrite }),
    seal: createSeal(database, TENANT),
    close: database.close,
  };
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
