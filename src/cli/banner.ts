import { settingsOf } from "../config/model-settings.ts";
import type { Config } from "../config/schema.ts";
import { type LocalModel, writesText } from "../models/index.ts";
import { formatTable } from "./table.ts";

/** The largest context of `--context auto`, as in `engine/llama/model.ts`. */
const AUTO_CONTEXT_TOKENS = 4096;

/** What the banner shows of a model. */
export type ServedModel = {
  readonly id: string;
  readonly slots: number;
  /** How many processes have so many slots each, if several. */
  readonly replicas?: number;
  readonly contextTokens: number;
  /** Set for a model that makes embeddings or scores instead of text. */
  readonly onlyReads?: true;
  /** Set for a model that is loaded when it is asked for. */
  readonly isOnDemand?: true;
};

/** What the banner shows of another server. */
export type ServedUpstream = {
  readonly name: string;
  /** Such as `vllm at http://10.0.0.5:8000`. */
  readonly place: string;
  /** The first of the models that the settings name. */
  readonly model?: string;
};

/** The other servers. */
export function describeUpstreams({ upstreams }: Pick<Config, "upstreams">): readonly ServedUpstream[] {
  return upstreams.map(({ name, kind, baseUrl, models: named }) => {
    const model = named === "all" ? undefined : Object.keys(named)[0];
    return { name, place: `${kind} at ${baseUrl}`, ...(model !== undefined && { model }) };
  });
}

/** The settings of each model. */
export function describeModels(
  models: readonly LocalModel[],
  config: Config,
  isOnDemand = false,
): readonly ServedModel[] {
  return models.map(({ id, aliases, gguf }) => {
    const { slots, replicas, context } = settingsOf(config, [id, ...aliases]);
    return {
      id,
      slots,
      ...(replicas > 1 && { replicas }),
      contextTokens:
        context === "auto" ? Math.min(gguf.contextLength ?? AUTO_CONTEXT_TOKENS, AUTO_CONTEXT_TOKENS) : context,
      ...(!writesText(gguf) && { onlyReads: true }),
      ...(isOnDemand && { isOnDemand: true }),
    };
  });
}

/**
 * The text that `serve` prints when it is ready: the address, the models, and an example request. `url` has no slash at its end. If a key is
 * needed, the example takes it from a variable, so that it doesn't end up in the shell's history.
 */
export function formatBanner(
  version: string,
  url: string,
  models: readonly ServedModel[],
  needsKey = false,
  upstreams: readonly ServedUpstream[] = [],
): string {
  const rows = models.map((model) => [model.id, describeServed(model)]);
  const others = upstreams.map(({ name, place }) => [name, place]);
  const request = firstRequest(models, upstreams);
  const key = '-H "Authorization: Bearer $SLUICE_KEY"';
  return `Sluice ${version} listens on ${url}

${indent(formatTable([...rows, ...others]))}
Try it:

  ${
    request === undefined
      ? `curl ${reachable(url)}/v1/models${needsKey ? ` ${key}` : ""}`
      : `curl -N ${reachable(url)}${request.path} -H 'Content-Type: application/json' \\
${needsKey ? `    ${key} \\\n` : ""}    -d ${quote(JSON.stringify(request.body))}`
  }

`;
}

function describeServed({ slots, replicas, contextTokens, onlyReads, isOnDemand }: ServedModel): string {
  const each = `${slots} ${slots === 1 ? "slot" : "slots"} of ${contextTokens} tokens`;
  const what = onlyReads
    ? "embeddings or scores"
    : replicas === undefined
      ? each
      : `${replicas} replicas, each with ${each}`;
  return isOnDemand ? `${what}, loaded when asked for` : what;
}

/** An example request to the first model that writes text, if any. Undefined where no model's name is known. */
function firstRequest(
  models: readonly ServedModel[],
  upstreams: readonly ServedUpstream[],
): { readonly path: string; readonly body: object } | undefined {
  const writer =
    models.find(({ onlyReads }) => onlyReads === undefined)?.id ??
    upstreams.find(({ model }) => model !== undefined)?.model;
  if (writer !== undefined) {
    const messages = [{ role: "user", content: "Why is the sky blue?" }];
    // A small model may never stop by itself.
    return { path: "/v1/chat/completions", body: { model: writer, messages, max_tokens: 100, stream: true } };
  }
  const [reader] = models;
  return reader && { path: "/v1/embeddings", body: { model: reader.id, input: "Why is the sky blue?" } };
}

/** Replaces a wildcard address, which clients can't connect to. */
function reachable(url: string): string {
  return url.replace("://0.0.0.0", "://127.0.0.1").replace("://[::]", "://[::1]");
}

/** Quotes a word for a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function indent(lines: string): string {
  return lines.replaceAll(/^(?=.)/gm, "  ");
}
