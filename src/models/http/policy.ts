/** The rules for the targets and contents of requests. */
export type RequestPolicy = {
  /** The hub's origin, such as `https://huggingface.co`. Only it gets the token. */
  readonly hubOrigin: string;
  /** `HF_TOKEN`. */
  readonly token: string | undefined;
};

/** Whether the URL's host is this machine, by name or address. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/**
 * Whether a request may go to this URL: `https:`, or `http:` to this machine or to the user's mirror in `HF_ENDPOINT`. Elsewhere the file
 * could be changed on the way.
 */
export function mayRequest(url: URL, { hubOrigin }: RequestPolicy): boolean {
  return url.protocol === "https:" || (url.protocol === "http:" && (isLoopback(url) || url.origin === hubOrigin));
}

/** Returns the token for a request that may have it: only to the hub itself, and never unencrypted over a network. */
export function tokenFor(url: URL, { hubOrigin, token }: RequestPolicy): string | undefined {
  const isPrivate = url.protocol === "https:" || isLoopback(url);
  return url.origin === hubOrigin && isPrivate ? token : undefined;
}
