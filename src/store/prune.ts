import type { Prepare } from "./database.ts";

/** How much is kept. */
export type Retention = {
  /** Responses and chat completions older than this go. Conversations stay, as OpenAI's do. */
  readonly maxAgeMs: number;
  /** At most so many responses, so many chat completions and so many conversations: beyond that the oldest go. */
  readonly maxEntries: number;
};

/** Bounds how long one write can be held up by what it clears away. */
const MAX_REMOVED_AT_ONCE = 200;

const TABLES = [
  { name: "responses", age: "created_ms", expires: true, mayGo: "status NOT IN ('queued', 'in_progress')" },
  { name: "chat_completions", age: "created_ms", expires: true, mayGo: "TRUE" },
  { name: "conversations", age: "changed_ms", expires: false, mayGo: "TRUE" },
] as const;

/** Removes what is too old or too much, oldest first. What still runs stays. */
export function prune(sql: Prepare, { maxAgeMs, maxEntries }: Retention, nowMs: number): void {
  for (const { name, age, expires, mayGo } of TABLES) {
    const oldest = `SELECT id FROM ${name} WHERE ${mayGo}`;
    if (expires) {
      sql(`DELETE FROM ${name} WHERE id IN (${oldest} AND ${age} < ? ORDER BY ${age} LIMIT ?)`).run(
        Math.floor(nowMs - maxAgeMs),
        MAX_REMOVED_AT_ONCE,
      );
    }
    sql(
      `DELETE FROM ${name} WHERE id IN (
         ${oldest} ORDER BY ${age} LIMIT max(0, min((SELECT count(*) FROM ${name}) - ?, ?)))`,
    ).run(maxEntries, MAX_REMOVED_AT_ONCE);
  }
}
