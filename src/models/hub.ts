import { z } from "zod";
import { SourceError } from "./errors.ts";
import { readText } from "./http/body.ts";
import { statusFailure } from "./http/failure.ts";
import { type ReachBudget, type RequestContext, request } from "./http/request.ts";
import type { HubFile } from "./pick-files.ts";

const DEFAULT_ENDPOINT = "https://huggingface.co";
/** A page of the hub's file list has 1,000 entries of a few hundred bytes. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;
const MAX_ENTRIES = 20_000;

const entrySchema = z.object({
  type: z.string(),
  path: z.string().min(1).max(1000),
  size: z.int().nonnegative(),
  lfs: z.object({ oid: z.string(), size: z.int().nonnegative() }).optional(),
});

/**
 * Returns the hub's URL: `HF_ENDPOINT`, or huggingface.co. Without a slash at its end.
 * @throws SourceError if `HF_ENDPOINT` is not an allowed URL.
 */
export function hubEndpoint(env: Readonly<Record<string, string | undefined>>): URL {
  const text = env.HF_ENDPOINT?.trim() || DEFAULT_ENDPOINT;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["https:", "http:"].includes(url.protocol) || url.username !== "" || url.password !== "") {
    throw new SourceError("HF_ENDPOINT is not an https: URL without a user name", {
      advice: "Set HF_ENDPOINT to a URL such as https://huggingface.co, or unset it.",
    });
  }
  return url;
}

/** Returns the URL of a repository's file in its newest version. */
export function hubFileUrl(endpoint: URL, repo: string, path: string): URL {
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  return new URL(`${baseOf(endpoint)}/${repo}/resolve/main/${encoded}`);
}

/**
 * Lists all files of a repository with their sizes and, if the hub has it, their SHA-256.
 * @throws SourceError if the hub can't be reached, refuses, or sends something else.
 */
export async function listHubFiles(
  endpoint: URL,
  repo: string,
  budget: ReachBudget,
  context: RequestContext & { readonly stallTimeoutMs: number },
): Promise<readonly HubFile[]> {
  // Loaded on demand: it takes some 80 ms, which a start with all models in place should not cost.
  const { listFiles } = await import("@huggingface/hub");
  const files: HubFile[] = [];
  try {
    const entries = listFiles({ repo, recursive: true, hubUrl: baseOf(endpoint), fetch: fetchPage(budget, context) });
    for await (const entry of entries) {
      const { type, path, size, lfs } = entrySchema.parse(entry);
      if (type === "file") files.push({ path, sizeBytes: lfs?.size ?? size, ...sha256Of(lfs?.oid) });
      if (files.length > MAX_ENTRIES) throw new SourceError(`${endpoint.host} lists more than ${MAX_ENTRIES} files`);
    }
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof SourceError) throw error;
    throw new SourceError(`${endpoint.host} did not answer with a list of files`, {
      advice: "Check HF_ENDPOINT, and whether a proxy or login page answers instead.",
    });
  }
  return files;
}

/** Makes the `fetch` for the hub's library, with our limits, redirects, token and errors. */
function fetchPage(budget: ReachBudget, context: RequestContext & { readonly stallTimeoutMs: number }): typeof fetch {
  return async (input) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const reply = await request(url, { accept: "application/json" }, budget, context);
    if (reply.response.status !== 200) {
      reply.close();
      throw statusFailure(reply, context.policy);
    }
    const text = await readText(reply, MAX_PAGE_BYTES, context.stallTimeoutMs, context.signal);
    const link = reply.response.headers.get("link");
    return new Response(text, link === null ? {} : { headers: { link } });
  };
}

function sha256Of(oid: string | undefined): { readonly sha256?: string } {
  return oid !== undefined && /^[0-9a-f]{64}$/.test(oid) ? { sha256: oid } : {};
}

function baseOf(endpoint: URL): string {
  return endpoint.href.replace(/\/+$/, "");
}
