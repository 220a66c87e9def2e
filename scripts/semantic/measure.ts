/** Pairs by kind. */
export type PairKinds = Readonly<Record<string, readonly (readonly [string, string])[]>>;

export type Measured = {
  /** For each kind, the number of pairs, and of those with the same answer. */
  readonly kinds: readonly { readonly kind: string; readonly pairs: number; readonly hits: number }[];
  /** The median times of a semantic hit and of a generation; undefined if there was none. */
  readonly hitMs: number | undefined;
  readonly missMs: number | undefined;
};

/** Sends both texts of each pair, with only the first in the cache. Throws if the gateway can't be reached. */
export async function measurePairs(
  { url, preset }: { readonly url: string; readonly preset: string },
  pairs: PairKinds,
): Promise<Measured> {
  const times: { readonly isHit: boolean; readonly ms: number }[] = [];

  async function ask(content: string): Promise<boolean> {
    const startedMs = performance.now();
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: `preset/${preset}`, messages: [{ role: "user", content }] }),
    });
    if (!response.ok) throw new Error(await response.text());
    await response.arrayBuffer();
    const isHit = response.headers.get("cache-status")?.includes("detail=SEMANTIC") ?? false;
    times.push({ isHit, ms: performance.now() - startedMs });
    return isHit;
  }

  async function isHit([first, second]: readonly [string, string]): Promise<boolean> {
    const cleared = await fetch(`${url}/admin/cache?preset=${preset}`, { method: "DELETE" });
    if (!cleared.ok) throw new Error(await cleared.text());
    await ask(first);
    return ask(second);
  }

  const kinds = [];
  for (const [kind, each] of Object.entries(pairs)) {
    let hits = 0;
    for (const pair of each) if (await isHit(pair)) hits += 1;
    kinds.push({ kind, pairs: each.length, hits });
  }
  const medianOf = (wanted: boolean) => median(times.filter((time) => time.isHit === wanted).map(({ ms }) => ms));
  return { kinds, hitMs: medianOf(true), missMs: medianOf(false) };
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
