import { signal } from "@preact/signals";
import { fetchJson } from "../api/fetch.ts";

/** A figure, and an interval that holds the true one in 95 of 100 cases; of rates the range of the repeats. */
export type Estimate = { readonly value: number; readonly low: number; readonly high: number };

export type ComparedModel = {
  readonly id: string;
  readonly quantization: string | null;
  readonly size_bytes: number;
  readonly memory_bytes: number | null;
  readonly rates: readonly { readonly context: number; readonly prefill: Estimate; readonly decode: Estimate }[];
  readonly perplexity: Estimate | null;
  readonly rise: Estimate | null;
  readonly divergence: Estimate | null;
  readonly agreement: Estimate | null;
};

/** What `sluice compare` measured, as `GET /admin/comparison` tells it. */
export type Comparison = {
  readonly created_at: number;
  readonly quiet: boolean;
  readonly reference: string;
  readonly text: { readonly name: string; readonly scored: number };
  readonly verdict: { readonly take: string | null; readonly sentence: string };
  readonly models: readonly ComparedModel[];
};

export const comparison = signal<Comparison | undefined>(undefined);

/** Looks what was measured last. Whoever may not look at it sees nothing of it. */
export async function lookAtComparison(): Promise<void> {
  try {
    const { data } = await fetchJson<{ readonly data: readonly Comparison[] }>("/admin/comparison");
    comparison.value = data[0];
  } catch {
    comparison.value = undefined;
  }
}
