/** Other names of our paths: vLLM and SageMaker probe `/ping`. */
const OTHER_WORDS: ReadonlyMap<string, string> = new Map([["ping", "health"]]);

/** What KServe, Triton and OpenVINO's server call their probes. */
const OTHER_PATHS: ReadonlyMap<string, string> = new Map([
  ["v2/health/live", "/health"],
  ["v2/health/ready", "/ready"],
]);

/**
 * Finds a path's canonical form before anything depends on the path, so that no spelling circumvents an access check. Base URLs come
 * with `/v1`, without it, with it twice, and with extra slashes. Unknown paths stay as they are.
 *
 * @param known the paths of all routes, in OpenAPI's form
 * @returns a function of a path that begins with a slash; it also decodes percent-encoding where that is safe
 */
export function pathReader(known: readonly string[]): (path: string) => string {
  const exact = new Set(known);
  const words = known.map((path) => path.split("/").slice(1));
  const versioned = new Set(words.flatMap(([first, second]) => (first === "v1" ? [second] : [])));
  const atRoot = new Map<string | undefined, string>([
    ...words
      .flatMap(([first]) => first ?? [])
      .filter((word) => word !== "v1" && !versioned.has(word))
      .map((word) => [word, word] as const),
    ...OTHER_WORDS,
  ]);

  return (path) => {
    const sent = path.split("/").filter((word) => word !== "");
    const other = sent[0] === "v2" ? OTHER_PATHS.get(sent.join("/")) : undefined;
    if (other !== undefined) return other;
    const versions = sent.findIndex((word) => word !== "v1");
    const [first, ...rest] = versions === -1 ? [] : sent.slice(versions);
    if (first === undefined) return sent.length === 0 ? "/" : "/v1";
    if (first === "models") {
      // llama-server's `/models/load` goes before a model of that name.
      const plain = `/${[first, ...rest].join("/")}`;
      return exact.has(plain) ? plain : `/v1/models${modelIn(path)}`;
    }
    const name = atRoot.get(first);
    if (name !== undefined) return `/${[name, ...rest].join("/")}`;
    return `/${[...(versions > 0 || versioned.has(first) ? ["v1"] : []), first, ...rest].join("/")}`;
  };
}

/** A model's id may contain slashes, even two in a row. */
function modelIn(path: string): string {
  const id = path.slice(path.indexOf("models") + "models".length).replace(/^\/+/, "");
  let end = id.length;
  while (id[end - 1] === "/") end -= 1;
  return end === 0 ? "" : `/${id.slice(0, end)}`;
}
