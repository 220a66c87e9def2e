import { SourceError } from "../errors.ts";
import { type RequestPolicy, tokenFor } from "./policy.ts";
import type { Reply } from "./request.ts";

/** The meanings of the codes of failed connections. */
const CAUSES: Readonly<Record<string, string>> = {
  ENOTFOUND: "no such host, or no network",
  EAI_AGAIN: "the DNS lookup failed (no network, or no DNS)",
  ECONNREFUSED: "it refused the connection",
  ECONNRESET: "it closed the connection",
  EHOSTUNREACH: "there is no route to it",
  ENETUNREACH: "there is no network",
  ETIMEDOUT: "it did not answer in time",
  UND_ERR_SOCKET: "it closed the connection",
  UND_ERR_CONNECT_TIMEOUT: "it did not answer in time",
  UND_ERR_HEADERS_TIMEOUT: "it did not answer in time",
  UND_ERR_BODY_TIMEOUT: "it stopped sending",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed (set NODE_EXTRA_CA_CERTS to trust it)",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is from an unknown authority (set NODE_EXTRA_CA_CERTS to trust it)",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "its certificate is from an unknown authority (set NODE_EXTRA_CA_CERTS to trust it)",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is from an unknown authority (set NODE_EXTRA_CA_CERTS to trust it)",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
};

/** OpenSSL's and Node's codes for other failures of TLS. */
const TLS_CODE = /^(ERR_SSL_|ERR_TLS_|CERT_|EPROTO$)/;

const NETWORK_ADVICE =
  "Check the network. Behind a proxy set HTTPS_PROXY and NODE_USE_ENV_PROXY=1; for a mirror of the hub set HF_ENDPOINT.";

/** Makes the source's error for a request without an answer. */
export function connectionFailure(url: URL, error: unknown): SourceError {
  const reason = `${url.host} could not be reached: ${describeCause(error)}`;
  return new SourceError(reason, { advice: NETWORK_ADVICE, isTransient: true });
}

/** Makes the source's error for an answer that didn't come in time. */
export function reachTimeout(url: URL, timeoutMs: number): SourceError {
  const reason = `${url.host} could not be reached: no answer within ${timeoutMs / 1000} s`;
  return new SourceError(reason, { advice: NETWORK_ADVICE, isTransient: true });
}

/** Describes why a connection failed, from `fetch`'s error or its causes. */
export function describeCause(error: unknown): string {
  let current: unknown = error;
  for (let depth = 0; depth < 5 && current instanceof Error; depth++) {
    const code = "code" in current && typeof current.code === "string" ? current.code : undefined;
    if (code !== undefined)
      return CAUSES[code] ?? `the ${TLS_CODE.test(code) ? "TLS " : ""}connection failed (${code})`;
    // There is an error for each address; the first is enough.
    const next: unknown = current instanceof AggregateError ? current.errors[0] : current.cause;
    if (next === undefined) return current.message;
    current = next;
  }
  return "the connection failed";
}

/** Makes the source's error for an answer that is not the file. */
export function statusFailure({ response, url }: Reply, policy: RequestPolicy): SourceError {
  const { status } = response;
  const isHub = url.origin === policy.hubOrigin;
  const hasToken = tokenFor(url, policy) !== undefined;
  const where = `${url.host} answered ${status}`;
  switch (status) {
    case 401:
    case 403: {
      const reason = hasToken
        ? "HF_TOKEN does not grant access to it"
        : "it is private, requires accepting its terms, or does not exist";
      const advice = isHub
        ? "Check the name. For a private or gated model accept its terms on its page and set HF_TOKEN to a token with read access."
        : "Download the file with an account that has access, and give its path.";
      return new SourceError(`${where}: ${reason}`, { advice });
    }
    case 404:
    case 410: {
      const advice = isHub ? "Check the name. If the model is private, set HF_TOKEN." : "Check the URL.";
      return new SourceError(`${where}: there is no such ${isHub ? "repository or file" : "file"}`, { advice });
    }
    case 429: {
      const advice = isHub ? "Wait a while; with HF_TOKEN set the hub allows more." : "Wait a while, then try again.";
      return new SourceError(`${where}: too many requests${describeRetryAfter(response)}`, {
        advice,
        isTransient: true,
      });
    }
    default:
      return status >= 500
        ? new SourceError(`${where}: the server has a problem`, { advice: "Try again later.", isTransient: true })
        : new SourceError(`${where}, which is not the file`, { advice: "Check the URL." });
  }
}

function describeRetryAfter(response: Response): string {
  const value = response.headers.get("retry-after") ?? "";
  return /^\d{1,6}$/.test(value) ? `; it asks to wait ${value} s` : "";
}
