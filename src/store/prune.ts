import type { Prepare } from "./database.ts";

/** Limits for what is stored. */
export type Retention = {
  /** Older responses, chat completions, comparisons and ended batches are removed. Conversations stay, as with OpenAI. */
  readonly maxAgeMs: number;
  /** The most responses, chat completions, batches and conversations, each. Beyond that the oldest are removed. */
  readonly maxEntries: number;
};

/** The most rows removed at once, so that no write is delayed for long. */
const MAX_REMOVED_AT_ONCE = 200;

const TABLES = [
  { name: "responses", age: "created_ms", expires: true, mayGo: "status NOT IN ('queued', 'in_progress')" },
  { name: "chat_completions", age: "created_ms", expires: true, mayGo: "TRUE" },
  { name: "shadows", age: "created_ms", expires: true, mayGo: "TRUE" },
  {
    name: "batches",
    age: "created_ms",
    expires: true,
    mayGo: "status NOT IN ('validating', 'in_progress', 'finalizing', 'cancelling')",
  },
  { name: "uploads", age: "created_ms", expires: true, mayGo: "TRUE" },
  { name: "conversations", age: "changed_ms", expires: false, mayGo: "TRUE" },
] as const;

/** Removes rows beyond the limits, oldest first. Running responses and batches stay. */
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
