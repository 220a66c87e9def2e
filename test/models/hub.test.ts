import { describe, expect, it } from "vitest";
import { SourceError } from "../../src/models/errors.ts";
import { createReachBudget } from "../../src/models/http/request.ts";
import { hubEndpoint, hubFileUrl, listHubFiles } from "../../src/models/hub.ts";
import { downloadContext } from "./support/contexts.ts";
import { type Handler, startServer } from "./support/server.ts";

const json =
  (value: unknown, headers = {}): Handler =>
  (_, response) =>
    response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));

async function list(handler: Handler, token?: string) {
  const server = await startServer(handler);
  const context = downloadContext({ policy: { hubOrigin: server.origin, token } });
  const files = listHubFiles(new URL(server.origin), "owner/repo", createReachBudget(context), context);
  return { server, files };
}

const OID = "a".repeat(64);

describe("listHubFiles", () => {
  it("gives the files with the size and hash of what they stand for", async () => {
    const { server, files } = await list(
      json([
        { type: "directory", path: "sub", size: 0, oid: "1" },
        { type: "file", path: "README.md", size: 12, oid: "2" },
        {
          type: "file",
          path: "sub/m.gguf",
          size: 130,
          oid: "3",
          lfs: { oid: OID, size: 5_000_000_000, pointerSize: 130 },
        },
      ]),
    );
    expect(await files).toEqual([
      { path: "README.md", sizeBytes: 12 },
      { path: "sub/m.gguf", sizeBytes: 5_000_000_000, sha256: OID },
    ]);
    expect(server.requests[0]?.url).toBe("/api/models/owner/repo/tree/main?recursive=true&expand=false");
  });

  it("reads on over several pages, with the token for each", async () => {
    const { server, files } = await list((request, response) => {
      const isFirst = !request.url?.includes("cursor");
      const next = `<http://${request.headers.host}/api/next?cursor=1>; rel="next"`;
      const entry = { type: "file", path: isFirst ? "a.gguf" : "b.gguf", size: 1, oid: "1" };
      json([entry], isFirst ? { link: next } : {})(request, response);
    }, "hf_secret");
    expect((await files).map(({ path }) => path)).toEqual(["a.gguf", "b.gguf"]);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer hf_secret",
      "Bearer hf_secret",
    ]);
  });

  it("does not carry the token to a next page on another host", async () => {
    const other = await startServer(json([]));
    const { files } = await list(json([], { link: `<${other.origin}/>; rel="next"` }), "hf_secret");
    await files;
    expect(other.requests[0]?.headers.authorization).toBeUndefined();
  });

  it.each([
    [
      "no repository",
      (_: unknown, response: Parameters<Handler>[1]) => response.writeHead(404).end("{}"),
      "there is no such repository",
    ],
    [
      "a login page",
      (_: unknown, response: Parameters<Handler>[1]) => response.end("<html>"),
      "did not answer with a list",
    ],
    ["another API", json({ message: "hello" }), "did not answer with a list"],
    ["strange entries", json([{ type: "file", path: 7, size: -1 }]), "did not answer with a list"],
  ])("reports %s", async (_, handler, reason) => {
    const { files } = await list(handler);
    await expect(files).rejects.toThrow(reason);
    await expect(files).rejects.toBeInstanceOf(SourceError);
  });

  it("stops at a list without end", async () => {
    const { files } = await list((request, response) => {
      const next = `<http://${request.headers.host}/more>; rel="next"`;
      json(
        Array.from({ length: 5_000 }, (_, i) => ({ type: "file", path: `${i}`, size: 1 })),
        { link: next },
      )(request, response);
    });
    await expect(files).rejects.toThrow("lists more than 20000 files");
  });
});

describe("hubEndpoint", () => {
  it("is huggingface.co unless HF_ENDPOINT names a mirror", () => {
    expect(hubEndpoint({}).href).toBe("https://huggingface.co/");
    expect(hubEndpoint({ HF_ENDPOINT: "" }).href).toBe("https://huggingface.co/");
    expect(hubEndpoint({ HF_ENDPOINT: "https://mirror.test/hub/" }).origin).toBe("https://mirror.test");
  });

  it.each(["mirror.test", "ftp://mirror.test", "https://me:secret@mirror.test"])(
    "refuses %s without showing it",
    (endpoint) => {
      expect(() => hubEndpoint({ HF_ENDPOINT: endpoint })).toThrow(/^HF_ENDPOINT is not an https: URL/);
    },
  );
});

describe("hubFileUrl", () => {
  it("keeps a mirror's path and escapes the file's", () => {
    expect(hubFileUrl(new URL("https://mirror.test/hub/"), "o/r", "a b/m#1.gguf").href).toBe(
      "https://mirror.test/hub/o/r/resolve/main/a%20b/m%231.gguf",
    );
  });
});
