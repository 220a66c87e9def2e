import { formatMs, formatNumber } from "../../frame/format.ts";
import type { Facts } from "../conversation/message.ts";
import { type CachePart, readCacheStatus } from "./headers.ts";

const CACHE: Readonly<Record<CachePart, string | undefined>> = {
  hit: "from the cache",
  similar: "from the cache, for a similar question",
  shared: "shared with an equal request",
  stored: "kept in the cache",
  miss: undefined,
  unused: undefined,
};

/** Says what an answer took, a few words for each thing, without what is unknown. */
export function describeFacts(facts: Facts, finish: string | null): readonly string[] {
  const { firstTokenMs, tokensPerSecond, completionTokens, reasoningTokens, promptTokens, cachedTokens } = facts;
  const part = facts.cacheStatus === undefined ? undefined : readCacheStatus(facts.cacheStatus);
  const isReplay = part === "hit" || part === "similar";
  return [
    finish === "length" ? "reached its longest length" : undefined,
    firstTokenMs === undefined ? undefined : `first token after ${formatMs(firstTokenMs)}`,
    // The rate of a replay is the connection's.
    tokensPerSecond === undefined || isReplay ? undefined : `${formatNumber(tokensPerSecond)} tokens/s`,
    completionTokens === undefined
      ? undefined
      : `${formatNumber(completionTokens)} tokens${reasoningTokens === undefined ? "" : ` (${formatNumber(reasoningTokens)} of reasoning)`}`,
    promptTokens === undefined
      ? undefined
      : `prompt of ${formatNumber(promptTokens)}${cachedTokens === undefined || cachedTokens === 0 ? "" : `, ${formatNumber(cachedTokens)} cached`}`,
    facts.queueMs === undefined || facts.queueMs < 100 ? undefined : `waited ${formatMs(facts.queueMs)}`,
    part === undefined ? undefined : CACHE[part],
    facts.cost === undefined ? undefined : formatCost(facts.cost),
    facts.joules === undefined
      ? undefined
      : `${facts.isEnergyEstimated === true ? "about " : ""}${formatNumber(facts.joules)} J`,
  ].filter((word) => word !== undefined);
}

/** `$0.0012`: two digits that aren't 0. */
function formatCost(dollars: number): string {
  if (dollars === 0) return "$0";
  return `$${dollars.toLocaleString("en", { maximumSignificantDigits: 2, maximumFractionDigits: 12 })}`;
}
