/** Where requests may go and what they may carry. */
export type RequestPolicy = {
  /** The hub's origin, such as `https://huggingface.co`: the one place that sees the token. */
  readonly hubOrigin: string;
  /** `HF_TOKEN`. */
  readonly token: string | undefined;
};

/** Whether the URL's host is this machine, by name or number. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/**
 * Whether a request may go there: `https:`, or `http:` to this machine or to the mirror that the user named in `HF_ENDPOINT`. A redirect
 * that leads elsewhere could change the file on the way.
 */
export function mayRequest(url: URL, { hubOrigin }: RequestPolicy): boolean {
  return url.protocol === "https:" || (url.protocol === "http:" && (isLoopback(url) || url.origin === hubOrigin));
}

/** The token for a request, if it may carry it: only to the hub itself, and never in the clear over a network. */
export function tokenFor(url: URL, { hubOrigin, token }: RequestPolicy): string | undefined {
  const isPrivate = url.protocol === "https:" || isLoopback(url);
  return url.origin === hubOrigin && isPrivate ? token : undefined;
}
