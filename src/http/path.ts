/** What lies below `/v1`, by its first word. */
const VERSIONED: ReadonlySet<string> = new Set([
  "chat",
  "completions",
  "responses",
  "messages",
  "embeddings",
  "rerank",
  "models",
  "conversations",
]);

/**
 * What lies at the root, by its first word, and by the word that others have for it: vLLM and SageMaker probe `/ping`. `api` is Ollama's, which
 * is told so.
 */
const AT_ROOT: ReadonlyMap<string, string> = new Map([
  ...["health", "ready", "tokenize", "detokenize", "apply-template", "openapi.json", "docs", "admin", "api"].map(
    (word) => [word, word] as const,
  ),
  ["ping", "health"],
]);

/**
 * The one path of what a client means: base URLs come with `/v1`, without it, with it twice, and with slashes too many. It is found once,
 * before anything is decided by the path, so that no spelling opens what another keeps closed. What is nothing of ours keeps its words.
 *
 * @param path begins with a slash; percent-encoding is undone where it may be
 */
export function canonicalPath(path: string): string {
  const words = path.split("/").filter((word) => word !== "");
  const versions = words.findIndex((word) => word !== "v1");
  const [first, ...rest] = versions === -1 ? [] : words.slice(versions);
  if (first === undefined) return words.length === 0 ? "/" : "/v1";
  if (first === "models") return `/v1/models${modelIn(path)}`;
  const name = AT_ROOT.get(first);
  if (name !== undefined) return `/${[name, ...rest].join("/")}`;
  return `/${[...(versions > 0 || VERSIONED.has(first) ? ["v1"] : []), first, ...rest].join("/")}`;
}

/** The id of a model may hold slashes, two in a row too. */
function modelIn(path: string): string {
  const id = path.slice(path.indexOf("models") + "models".length).replace(/^\/+/, "");
  let end = id.length;
  while (id[end - 1] === "/") end -= 1;
  return end === 0 ? "" : `/${id.slice(0, end)}`;
}
