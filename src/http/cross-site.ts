/** What browsers put on a request by themselves, and no page can change. */
export type Sent = {
  readonly header: (name: string) => string | undefined;
  /** The authority that it was sent to: `Host`. */
  readonly host: string;
};

/** How the names of all browsers begin. Pages can't change it in a request for which the browser doesn't ask first. */
const BROWSER = /^(Mozilla|Opera)\//i;

/**
 * Whether a page of another origin can have had a browser send this request without asking first. Browsers name the origin of every POST
 * (https://fetch.spec.whatwg.org/#origin-header), and newer ones how it stands to ours (https://w3c.github.io/webappsec-fetch-metadata/);
 * other programs do neither. What calls itself a browser and does neither is an old one. Pages of `origins`, which may hold `*`, and of our own
 * are no strangers.
 */
export function mayBeFromStrangePage({ header, host }: Sent, origins: readonly string[]): boolean {
  const origin = header("origin");
  if (origin !== undefined) return !isKnownOrigin(origin, origins) && hostOfOrigin(origin) !== host.toLowerCase();
  const site = header("sec-fetch-site");
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  return BROWSER.test(header("user-agent") ?? "");
}

/** Whether a browser's `Origin`, which has no path, not even a slash, is one of `origins`. */
export function isKnownOrigin(origin: string, origins: readonly string[]): boolean {
  return origins.some((known) => known === "*" || known.replace(/\/$/, "") === origin);
}

/** The authority of an origin; undefined for `null`, which sandboxed pages and files have. */
function hostOfOrigin(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
