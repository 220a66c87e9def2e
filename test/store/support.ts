import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StoredItem } from "../../src/store/items.ts";
import type { Outcome, ResponseRecord } from "../../src/store/responses.ts";
import { createState, type StateOptions } from "../../src/store/state.ts";

export const DAY_MS = 86_400_000;
const KEEP_ALL = { maxAgeMs: 100_000 * DAY_MS, maxEntries: 1_000 };

/** A folder of its own, gone with its scope. */
export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), "sluice-store-"));
  return { path, file: join(path, "deep", "state.db"), [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

export function openState(options: Partial<StateOptions> = {}) {
  return createState({ file: ":memory:", retention: KEEP_ALL, ...options });
}

export function item(id: string): StoredItem {
  return { seq: undefined, id, body: JSON.stringify({ id }) };
}

export function record(id: string, overrides: Partial<ResponseRecord> = {}): ResponseRecord {
  return { id, createdMs: 1_000, status: "completed", body: JSON.stringify({ id }), events: null, ...overrides };
}

export function outcome(id: string, overrides: Partial<Outcome> = {}): Outcome {
  return {
    record: record(id),
    context: [],
    input: [item(`${id}-in`)],
    output: [item(`${id}-out`)],
    keep: true,
    conversation: undefined,
    ...overrides,
  };
}

export function idsOf(items: readonly { readonly id: string }[] | undefined): string[] | undefined {
  return items?.map(({ id }) => id);
}
