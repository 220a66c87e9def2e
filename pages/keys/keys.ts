import { signal } from "@preact/signals";
import { fetchJson, send } from "../api/fetch.ts";

/** The limits that a key may have, by their names in the API. */
export const LIMITS = [
  ["requests_per_minute", "requests a minute"],
  ["requests_per_day", "requests a day"],
  ["tokens_per_minute", "tokens a minute"],
  ["tokens_per_day", "tokens a day"],
  ["budget_per_day", "$ a day"],
  ["budget_per_month", "$ a month"],
  ["concurrent_requests", "at once"],
  ["max_tokens_limit", "tokens an answer"],
] as const;

type LimitName = (typeof LIMITS)[number][0];

/** A key as `GET /admin/keys` lists it. */
export type ListedKey = Readonly<Record<LimitName, number | null>> & {
  readonly id: string;
  readonly name: string;
  readonly source: string;
  readonly class: string;
  readonly admin: boolean;
  readonly models: readonly string[] | null;
  readonly created_at: number | null;
  readonly expires_at: number | null;
};

/** A row of `GET /admin/usage`: a day, a key and a model. */
export type UsageRow = {
  readonly day: string;
  readonly key_id: string;
  readonly key_name: string;
  readonly model: string;
  readonly requests: number;
  readonly prompt_tokens: number;
  readonly cached_tokens: number;
  readonly completion_tokens: number;
  readonly errors: number;
  readonly refusals: number;
  readonly cost: number;
  readonly energy_joules: number;
};

export type NewKey = {
  readonly name: string;
  readonly expires?: string;
  readonly class?: string;
  readonly admin?: boolean;
  readonly models?: readonly string[];
} & { readonly [name in LimitName]?: number };

export const keys = signal<readonly ListedKey[] | undefined>(undefined);
export const usage = signal<readonly UsageRow[] | undefined>(undefined);
export const failure = signal<unknown>(undefined);

/** So many days of usage are shown. */
export const DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1_000;
const PAGE = 1_000;
/** More keys are not shown. */
const MAX_PAGES = 10;

export async function refresh(): Promise<void> {
  try {
    const [listed, used] = await Promise.all([listKeys(), listUsage()]);
    [keys.value, usage.value, failure.value] = [listed, used, undefined];
  } catch (error) {
    failure.value = error;
  }
}

async function listKeys(): Promise<readonly ListedKey[]> {
  const all: ListedKey[] = [];
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const last = all.at(-1)?.id;
    const after = last === undefined ? "" : `&after=${encodeURIComponent(last)}`;
    const { data, has_more: hasMore } = await fetchJson<{ data: ListedKey[]; has_more: boolean }>(
      `/admin/keys?limit=${PAGE}${after}`,
    );
    all.push(...data);
    if (!hasMore) break;
  }
  return all;
}

async function listUsage(): Promise<readonly UsageRow[]> {
  const since = new Date(Date.now() - (DAYS - 1) * DAY_MS).toISOString().slice(0, 10);
  return (await fetchJson<{ data: UsageRow[] }>(`/admin/usage?since=${since}`)).data;
}

/** The answer's secret is shown once: nobody has it afterwards. */
export async function createKey(
  key: NewKey,
): Promise<{ readonly secret: string; readonly warnings: readonly string[] }> {
  return fetchJson("/admin/keys", { method: "POST", body: key });
}

export async function revokeKey(id: string): Promise<void> {
  try {
    await send(`/admin/keys/${encodeURIComponent(id)}`, { method: "DELETE" });
    await refresh();
  } catch (error) {
    failure.value = error;
  }
}
