import type { RouteNews, RouteStep } from "../generation/news.ts";

/** The header that tells which target of a route has answered, and why the others have not: of a stream, as of when its head is sent. */
export const ROUTE_HEADER = "sluice-route";

/** Further targets are left out. */
const MAX_STEPS = 16;

/**
 * A list in the form of RFC 9651, such as `"cloud";ms=300, "local";spare=late;ms=5200, "night";excluded=hours`. What answers comes first, and
 * has no word for what became of it.
 */
export function formatRoute({ steps }: Pick<RouteNews, "steps">): string {
  return steps.slice(0, MAX_STEPS).map(formatStep).join(", ");
}

function formatStep({ target, outcome, reason, firstTokenMs, confidence }: RouteStep): string {
  // Of what answers, the reason is why it was not asked first.
  const key = outcome === "answered" ? (reason === undefined ? "" : ";though") : `;${outcome}`;
  const value = reason === undefined ? "" : `=${reason.replaceAll(/[^\w.:*-]/g, "_")}`;
  const time = firstTokenMs === undefined || !Number.isFinite(firstTokenMs) ? "" : `;ms=${Math.round(firstTokenMs)}`;
  const sure = confidence && `;mean=${toDecimal(confidence.mean)};least=${toDecimal(confidence.least)}`;
  return `${quoteTarget(target)}${key}${value}${time}${sure ?? ""}`;
}

/** A decimal has at most twelve digits before the point, and three after it. */
function toDecimal(value: number): string {
  return Math.max(-999_999, value).toFixed(2);
}

/** A string of the header has visible ASCII only: all else is percent-encoded. */
export function quoteTarget(text: string): string {
  const ascii = text.replaceAll(/[^\x20-\x7e]+/gu, (others) => encodeURIComponent(others.toWellFormed()));
  return `"${ascii.replaceAll(/["\\]/g, (character) => `\\${character}`)}"`;
}
