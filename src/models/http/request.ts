import { SourceError } from "../errors.ts";
import { connectionFailure, reachTimeout } from "./failure.ts";
import { mayRequest, type RequestPolicy, tokenFor } from "./policy.ts";

/** How a source's requests are made. */
export type RequestContext = {
  readonly fetch: typeof fetch;
  readonly policy: RequestPolicy;
  /** Ends whatever is under way. */
  readonly signal: AbortSignal;
  /** How long a source may take until its answers begin, all redirects and requests together. */
  readonly reachTimeoutMs: number;
  /** A clock in ms that never goes back. */
  readonly now: () => number;
};

/** What is left of the time in which a source must have begun to answer. Only waiting for answers uses it up, not reading them. */
export type ReachBudget = { remainingMs: number };

/** An answer whose head has come. */
export type Reply = {
  readonly response: Response;
  /** Where it came from in the end. */
  readonly url: URL;
  /** Ends the answer's body; the reason is what reading it throws. Must be called once, also after the body was read. */
  readonly close: (reason?: unknown) => void;
};

const MAX_REDIRECTS = 8;

export function createReachBudget({ reachTimeoutMs }: Pick<RequestContext, "reachTimeoutMs">): ReachBudget {
  return { remainingMs: reachTimeoutMs };
}

/**
 * GETs a URL, whatever the status of the answer, following redirects itself: each hop is checked against the policy, and the hub's token goes
 * to the hub alone, whatever it redirects to.
 * @throws SourceError when no answer comes within the budget, or a redirect leads where it may not. Throws the signal's reason when aborted.
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
      throw new SourceError(`${start.host} leads to ${url.origin}, which is not safe: only https: is followed`);
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
        // A compressed file could be neither resumed nor counted.
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
