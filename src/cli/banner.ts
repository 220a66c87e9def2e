import { settingsOf } from "../config/model-settings.ts";
import type { Config } from "../config/schema.ts";
import { type LocalModel, writesText } from "../models/index.ts";
import { formatTable } from "./table.ts";

/** What `--context auto` comes to at most, as in `engine/llama/model.ts`. */
const AUTO_CONTEXT_TOKENS = 4096;

/** A model as the banner tells of it. */
export type ServedModel = {
  readonly id: string;
  readonly slots: number;
  readonly contextTokens: number;
  /** Set for a model that makes embeddings or scores, and no text. */
  readonly onlyReads?: true;
};

/** What each model is served with. */
export function describeModels(models: readonly LocalModel[], config: Config): readonly ServedModel[] {
  return models.map(({ id, aliases, gguf }) => {
    const { slots, context } = settingsOf(config, [id, ...aliases]);
    return {
      id,
      slots,
      contextTokens:
        context === "auto" ? Math.min(gguf.contextLength ?? AUTO_CONTEXT_TOKENS, AUTO_CONTEXT_TOKENS) : context,
      ...(!writesText(gguf) && { onlyReads: true }),
    };
  });
}

/**
 * What `serve` prints when it is ready: the address, the models, and a request to try. `url` has no slash at its end. Where a key is needed the
 * request takes it from a variable, so that none lands in a shell's history.
 */
export function formatBanner(version: string, url: string, models: readonly ServedModel[], needsKey = false): string {
  const rows = models.map(({ id, slots, contextTokens, onlyReads }) => [
    id,
    onlyReads ? "embeddings or scores" : `${slots} ${slots === 1 ? "slot" : "slots"} of ${contextTokens} tokens`,
  ]);
  const { path, body } = firstRequest(models);
  return `Sluice ${version} listens on ${url}

${indent(formatTable(rows))}
Try it:

  curl -N ${reachable(url)}${path} -H 'Content-Type: application/json' \\
${needsKey ? '    -H "Authorization: Bearer $SLUICE_KEY" \\\n' : ""}    -d ${quote(JSON.stringify(body))}

`;
}

/** A request to try, to the first model that writes text where there is one. */
function firstRequest(models: readonly ServedModel[]): { readonly path: string; readonly body: object } {
  const writer = models.find(({ onlyReads }) => onlyReads === undefined);
  if (writer === undefined) {
    return { path: "/v1/embeddings", body: { model: models[0]?.id, input: "Why is the sky blue?" } };
  }
  const messages = [{ role: "user", content: "Why is the sky blue?" }];
  // A small model may never find an end by itself.
  return { path: "/v1/chat/completions", body: { model: writer.id, messages, max_tokens: 100, stream: true } };
}

/** The wildcard addresses are where to listen, not where to call. */
function reachable(url: string): string {
  return url.replace("://0.0.0.0", "://127.0.0.1").replace("://[::]", "://[::1]");
}

/** A word for a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function indent(lines: string): string {
  return lines.replaceAll(/^(?=.)/gm, "  ");
}
