import { signal } from "@preact/signals";
import type { RequestDetail, RequestSummary } from "../../src/telemetry/requests/wire.ts";
import { fetchJson } from "../api/fetch.ts";

/** What is asked for; an empty text leaves a thing open. */
export type Filter = {
  readonly model: string;
  readonly class: string;
  readonly key: string;
  readonly minMs: string;
  /** Only requests that could have reused a prefix and did not. */
  readonly isLost: boolean;
};

export const NO_FILTER: Filter = { model: "", class: "", key: "", minMs: "", isLost: false };

/** The times to choose from, in ms, and what they are called. */
export const LEAST_TIMES = [
  ["", "any time"],
  ["1000", "1 s or more"],
  ["5000", "5 s or more"],
  ["30000", "30 s or more"],
] as const;

type Page = { readonly data: readonly RequestSummary[]; readonly has_more: boolean };

const PAGE_SIZE = 100;

/** A page of requests, the latest first. @param before the last one of the page before */
export function fetchRequests(filter: Filter, before: string | undefined, abort: AbortSignal): Promise<Page> {
  const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
  if (filter.model !== "") query.set("model", filter.model);
  if (filter.class !== "") query.set("class", filter.class);
  if (filter.key !== "") query.set("key", filter.key);
  if (filter.minMs !== "") query.set("min_ms", filter.minMs);
  if (filter.isLost) query.set("lost", "true");
  if (before !== undefined) query.set("before", before);
  return fetchJson<Page>(`/admin/requests?${query}`, { signal: abort });
}

export function fetchRequest(id: string, abort: AbortSignal): Promise<RequestDetail> {
  return fetchJson<RequestDetail>(`/admin/requests/${encodeURIComponent(id)}`, { signal: abort });
}

/** A number of tokens, as far as it is known: while a request waits or runs, 0 stands for nothing told yet. */
export function toldTokens({ state }: Pick<RequestSummary, "state">, tokens: number): number | undefined {
  return tokens === 0 && state !== "done" ? undefined : tokens;
}

const NAME = "request";

/** The request that is shown in detail: it is part of the address, so that it can be sent to somebody. */
export const chosen = signal<string | undefined>(undefined);

/** Reads it from the address, now and when the reader goes back. Returns what ends that. */
export function followChosen(): () => void {
  const read = () => {
    chosen.value = new URLSearchParams(location.search).get(NAME) ?? undefined;
  };
  read();
  addEventListener("popstate", read);
  return () => removeEventListener("popstate", read);
}

export function addressOf(id: string): string {
  return `/requests?${new URLSearchParams({ [NAME]: id })}`;
}

export function choose(id: string | undefined): void {
  history.pushState(null, "", id === undefined ? "/requests" : addressOf(id));
  chosen.value = id;
}
