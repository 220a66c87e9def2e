import { type HubFile, listCandidates } from "./pick-files.ts";

/** A quantization of a repository, and why it was chosen. */
export type Choice = { readonly quantization: string; readonly why: string };

/** The usual one of llama.cpp and others: about a percent of the perplexity for a quarter of the size of 16 bits. */
export const USUAL_QUANTIZATION = "Q4_K_M";

/**
 * All weights are read for each token. Memory gives at least some 20 GB/s, so files of this size still generate some twenty tokens per second, and
 * a better quantization costs no time that is felt.
 */
const QUICK_BYTES = 1024 ** 3;

/** Better ones can't be told from the original. */
const BEST = "Q8_0";

/** A loaded model's memory besides its file: its context and the engine. */
const MORE_SHARE = 0.1;
const MORE_BYTES = 256 * 1024 ** 2;

type Offer = { readonly quantization: string; readonly sizeBytes: number };

/**
 * Chooses a quantization of a model. Pure. Of those that fit into the memory it is the largest up to Q8_0 that is small enough to be quick; else
 * Q4_K_M, or the nearest to it that is smaller; else the smallest.
 *
 * @param budgetBytes the memory that the model may take
 * @returns the choice, or a message that says what there is
 */
export function chooseQuantization(files: readonly HubFile[], budgetBytes: number): Choice | string {
  const offers = listOffers(files);
  if (offers.length === 0) return "none of its files names a quantization; name one as hf:owner/repo/file.gguf";
  const usable = offers.filter(({ sizeBytes }) => needOf(sizeBytes) <= budgetBytes);
  const [smallest] = offers;
  if (usable.length === 0 && smallest !== undefined) {
    return `none fits into the ${formatBytes(budgetBytes)} of memory that a model may take: the smallest, ${smallest.quantization}, needs ${formatBytes(needOf(smallest.sizeBytes))}. Name one with its quantization to have it anyway`;
  }
  const fit = `fits into the ${formatBytes(budgetBytes)} of memory that a model may take`;
  const quick = usable.findLast((offer) => offer.sizeBytes <= QUICK_BYTES && isAtMost(offer, BEST));
  if (quick !== undefined) {
    return choose(quick, `the best up to ${BEST} that has at most 1 GiB, so that it is quick, and ${fit}`);
  }
  const usual = usable.findLast((offer) => isAtMost(offer, USUAL_QUANTIZATION));
  if (usual?.quantization === USUAL_QUANTIZATION) return choose(usual, `the usual one, and ${fit}`);
  if (usual !== undefined) return choose(usual, `the nearest to ${USUAL_QUANTIZATION} that ${fit}`);
  const least = usable[0] ?? smallest;
  return least === undefined ? "there is none" : choose(least, `the smallest that there is, and ${fit}`);
}

function choose({ quantization, sizeBytes }: Offer, reason: string): Choice {
  return { quantization, why: `${quantization} (${formatBytes(sizeBytes)}): ${reason}` };
}

/** Whether it is a quantization or one below it in the usual order. */
function isAtMost({ quantization }: Offer, limit: string): boolean {
  return rankOf({ quantization }) <= rankOf({ quantization: limit });
}

function rankOf({ quantization }: Pick<Offer, "quantization">): number {
  return BY_SIZE.indexOf(quantization);
}

/** From the smallest to the largest. */
const BY_SIZE: readonly string[] = [
  ...[
    "IQ1_S",
    "IQ1_M",
    "TQ1_0",
    "TQ2_0",
    "IQ2_XXS",
    "IQ2_XS",
    "IQ2_S",
    "Q2_K_S",
    "Q2_K",
    "IQ3_XXS",
    "IQ3_XS",
    "Q3_K_S",
  ],
  ...["IQ3_S", "IQ3_M", "Q3_K_M", "Q3_K_L", "MXFP4", "NVFP4", "IQ4_XS", "IQ4_NL", "Q4_0", "Q4_K_S", "Q4_K_M", "Q4_1"],
  ...["Q5_0", "Q5_K_S", "Q5_K_M", "Q5_1", "Q6_K", "Q8_0", "F16", "BF16", "F32"],
];

/** What a repository has, the smallest first. Variants such as `UD-` and files whose names have more behind the quantization are left out. */
function listOffers(files: readonly HubFile[]): readonly Offer[] {
  const offers = new Map<string, Offer>();
  for (const { name, sizeBytes, isComplete } of listCandidates(files)) {
    const quantization = quantizationAtEnd(name);
    if (quantization === undefined || !isComplete || offers.has(quantization)) continue;
    offers.set(quantization, { quantization, sizeBytes });
  }
  return [...offers.values()].toSorted((a, b) => a.sizeBytes - b.sizeBytes || rankOf(a) - rankOf(b));
}

/** Such as that of `x-Q4_K_M`, `x.q4_k_m` or `x_F16`. */
function quantizationAtEnd(name: string): string | undefined {
  const found = BY_SIZE.filter((each) => new RegExp(`(^|[-./_])${each}$`, "i").test(name));
  const longest = found.toSorted((a, b) => b.length - a.length)[0];
  const isVariant = longest !== undefined && /(^|[-./])UD-$/i.test(name.slice(0, -longest.length));
  return isVariant ? undefined : longest;
}

function needOf(sizeBytes: number): number {
  return sizeBytes * (1 + MORE_SHARE) + MORE_BYTES;
}

function formatBytes(bytes: number): string {
  return bytes >= 1024 ** 3 ? `${(bytes / 1024 ** 3).toFixed(1)} GiB` : `${Math.round(bytes / 1024 ** 2)} MiB`;
}
