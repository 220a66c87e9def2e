import { type ApiOptions, send } from "./fetch.ts";

/** Reads an answer that is a line of JSON for each piece. Its shape is the gateway's promise. */
export async function* readLines<T>(path: string, options: ApiOptions): AsyncGenerator<T, void, void> {
  const response = await send(path, options);
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.trim() !== "") yield JSON.parse(line);
    }
    if (rest.trim() !== "") yield JSON.parse(rest);
  } finally {
    await reader.cancel().catch(() => {});
  }
}
