import { createHash } from "node:crypto";
import { type Handler, sendFile, startServer, type TestServer } from "./server.ts";

export type TestHub = {
  readonly api: TestServer;
  /** Where the hub redirects to for the files themselves. */
  readonly storage: TestServer;
  readonly env: Readonly<Record<string, string>>;
};

export function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A hub with one repository, `owner/repo`: its list of files, and downloads by way of a redirect to another server. */
export async function startHub(files: Readonly<Record<string, Buffer>>, sendStored?: Handler): Promise<TestHub> {
  const send: Handler = (request, response) => {
    const bytes = files[(request.url ?? "").slice(1)];
    if (bytes === undefined) response.writeHead(404).end();
    else sendFile(request, response, bytes);
  };
  const storage = await startServer(sendStored ?? send);
  const listed = Object.entries(files).map(([path, bytes]) => ({
    type: "file",
    path,
    size: bytes.length,
    oid: "1",
    lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 100 },
  }));
  const api = await startServer((request, response) => {
    const path = /^\/owner\/repo\/resolve\/main\/(.+)$/.exec(request.url ?? "")?.[1];
    if (request.url?.startsWith("/api/models/owner/repo/tree/main")) response.end(JSON.stringify(listed));
    else if (path !== undefined) response.writeHead(302, { location: `${storage.origin}/${path}` }).end();
    else response.writeHead(404).end("{}");
  });
  return { api, storage, env: { HF_ENDPOINT: api.origin } };
}
