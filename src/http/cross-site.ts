/** The headers that browsers set by themselves, and that no page can change. */
export type Sent = {
  readonly header: (name: string) => string | undefined;
  /** The value of `Host`. */
  readonly host: string;
};

/** The beginning of every browser's `User-Agent`. Pages can't change it in a request without a preflight. */
const BROWSER = /^(Mozilla|Opera)\//i;

/**
 * Whether a browser may have sent this request for a page of another origin, without a preflight. Browsers send the origin with every POST
 * (https://fetch.spec.whatwg.org/#origin-header), and newer ones its relation to ours (https://w3c.github.io/webappsec-fetch-metadata/);
 * other programs send neither. A browser that sends neither is an old one. Pages of `origins`, which may contain `*`, and our own
 * are trusted.
 */
export function mayBeFromStrangePage({ header, host }: Sent, origins: readonly string[]): boolean {
  const origin = header("origin");
  if (origin !== undefined) return !isKnownOrigin(origin, origins) && hostOfOrigin(origin) !== host.toLowerCase();
  const site = header("sec-fetch-site");
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  return BROWSER.test(header("user-agent") ?? "");
}

/** Whether a browser's `Origin`, which never ends in a slash, is one of `origins`. */
export function isKnownOrigin(origin: string, origins: readonly string[]): boolean {
  return origins.some((known) => known === "*" || known.replace(/\/$/, "") === origin);
}

/** Returns an origin's authority; undefined for `null`, the origin of sandboxed pages and files. */
function hostOfOrigin(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
