import { SourceError } from "../errors.ts";
import { connectionFailure, reachTimeout } from "./failure.ts";
import { mayRequest, type RequestPolicy, tokenFor } from "./policy.ts";

/** The settings of a source's requests. */
export type RequestContext = {
  readonly fetch: typeof fetch;
  readonly policy: RequestPolicy;
  /** Aborts requests. */
  readonly signal: AbortSignal;
  /** The time until a source's answers begin, for all redirects and requests together. */
  readonly reachTimeoutMs: number;
  /** A monotonic clock in ms. */
  readonly now: () => number;
};

/** The remaining time for a source to begin its answers. Only waiting for answers uses it up, not reading them. */
export type ReachBudget = { remainingMs: number };

/** An answer whose headers have arrived. */
export type Reply = {
  readonly response: Response;
  /** The last URL, after redirects. */
  readonly url: URL;
  /** Ends the answer's body; reading it then throws the reason. Must be called once, also after the body was read. */
  readonly close: (reason?: unknown) => void;
};

const MAX_REDIRECTS = 8;

export function createReachBudget({ reachTimeoutMs }: Pick<RequestContext, "reachTimeoutMs">): ReachBudget {
  return { remainingMs: reachTimeoutMs };
}

/**
 * Sends a GET request, and returns an answer of any status. Checks each redirect against the policy, and sends the hub's token only to the
 * hub.
 * @throws SourceError if no answer comes within the budget, or a redirect isn't allowed. Throws the signal's reason when aborted.
 */
export async function request(
  start: URL,
  headers: Readonly<Record<string, string>>,
  budget: ReachBudget,
  context: RequestContext,
): Promise<Reply> {
  let url = start;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    if (!mayRequest(url, context.policy)) {
      throw new SourceError(`${start.host} redirects to ${url.origin}, which is not safe: only https: is allowed`);
    }
    const reply = await requestOnce(url, headers, budget, context);
    const location = redirectOf(reply.response);
    if (location === undefined) return reply;
    reply.close();
    if (!URL.canParse(location, url.href))
      throw new SourceError(`${url.host} redirects to something that is not a URL`);
    url = new URL(location, url);
  }
  throw new SourceError(`${start.host} redirects more than ${MAX_REDIRECTS} times`);
}

async function requestOnce(
  url: URL,
  headers: Readonly<Record<string, string>>,
  budget: ReachBudget,
  { fetch, policy, signal, reachTimeoutMs, now }: RequestContext,
): Promise<Reply> {
  signal.throwIfAborted();
  const token = tokenFor(url, policy);
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const close = (reason?: unknown) => {
    signal.removeEventListener("abort", onAbort);
    controller.abort(reason);
  };
  const late = reachTimeout(url, reachTimeoutMs);
  const timer = setTimeout(() => controller.abort(late), Math.max(0, budget.remainingMs));
  const startedAt = now();
  try {
    const response = await fetch(url, {
      redirect: "manual",
      signal: controller.signal,
      headers: {
        ...headers,
        // A compressed file could not be resumed, and its size would be unknown.
        "accept-encoding": "identity",
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
    });
    return { response, url, close };
  } catch (error) {
    close();
    signal.throwIfAborted();
    throw error === late ? late : connectionFailure(url, error);
  } finally {
    clearTimeout(timer);
    budget.remainingMs -= now() - startedAt;
  }
}

function redirectOf(response: Response): string | undefined {
  const isRedirect = [301, 302, 303, 307, 308].includes(response.status);
  return isRedirect ? (response.headers.get("location") ?? undefined) : undefined;
}
