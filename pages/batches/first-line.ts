/** A first line is looked for in so much of a file. */
const PEEK_BYTES = 1024 * 1024;

/** Where the requests of a file go, by its first line; all lines of a batch have the same. Throws an Error that says what is wrong. */
export async function endpointOf(file: Blob): Promise<string> {
  const text = await file.slice(0, PEEK_BYTES).text();
  const line = text.split("\n").find((each) => each.trim() !== "");
  if (line === undefined) throw new Error("The file has no lines. Give one with a request on each.");
  const url = urlOf(line);
  if (url === undefined) {
    throw new Error(
      'The first line is no request. Each line is an object such as {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {…}}.',
    );
  }
  return url;
}

function urlOf(line: string): string | undefined {
  try {
    const request: unknown = JSON.parse(line);
    const isNamed = typeof request === "object" && request !== null && "url" in request;
    return isNamed && typeof request.url === "string" ? request.url : undefined;
  } catch {
    return undefined;
  }
}
