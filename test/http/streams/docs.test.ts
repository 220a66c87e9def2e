import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { createStreamsDoor } from "../../../src/http/streams/door.ts";
import { answerWith, createTestApp, listenAsGateway, script } from "../support.ts";

const LIMITS = { resumeGraceMs: 60_000, resumeKeepMs: 60_000, resumeBytes: 1024 ** 2 };

/** The page's program for browsers, as it stands. */
const program =
  /```js\n(.*?)```/s.exec(readFileSync(new URL("../../../docs/resume.md", import.meta.url), "utf8"))?.[1] ?? "";

/** Runs the program as a page of the gateway does. @param onShown is told what is shown so far */
async function runPage(fetchHere: typeof fetch, onShown: (text: string) => void = () => {}): Promise<string> {
  let shown = "";
  const append = (text: string) => {
    shown += text;
    onShown(shown);
  };
  await runInNewContext(`(async () => {${program}})()`, {
    ...{ fetch: fetchHere, TextDecoderStream, document: { body: { append } } },
    // Its pauses are none here.
    setTimeout: (callback: () => void) => setImmediate(callback),
  });
  return shown;
}

const gone: typeof fetch = () => Promise.reject(new TypeError("fetch failed"));

describe("the example for browsers in docs/resume.md", () => {
  it("shows each piece once when the connection breaks and the gateway is away for a while", async () => {
    const goOn = Promise.withResolvers<void>();
    const generate = script(async function* () {
      const [first, second, ...rest] = answerWith(["one", " two", " three"]);
      if (first !== undefined) yield first;
      if (second !== undefined) yield second;
      await goOn.promise;
      yield* rest;
    });
    const streams = createStreamsDoor(LIMITS);
    const { app } = createTestApp({ generate, streams });
    await using server = await listenAsGateway(app);
    let failures = 0;
    let isAway = false;
    const asked: string[] = [];
    const shown = await runPage(
      (path, init) => {
        asked.push(String(path));
        if (!isAway) return fetch(`${server.url}${path}`, init);
        failures += 1;
        isAway = failures < 3;
        return gone(path, init);
      },
      (text) => {
        if (text !== "one") return;
        isAway = true;
        server.node.closeAllConnections();
        goOn.resolve();
      },
    );
    expect(shown).toBe("one two three");
    expect(failures).toBe(3);
    expect(asked.map((path) => path.replace(/req_.*/, "ID"))).toEqual([
      "/v1/chat/completions",
      ...Array.from({ length: 4 }, () => "/v1/streams/ID"),
    ]);
    await streams.settled();
    streams.close();
  });

  it("says why its request was refused", async () => {
    const refuse: typeof fetch = async () => Response.json({ error: { message: "No such model." } }, { status: 404 });
    await expect(runPage(refuse)).rejects.toThrow("No such model.");
  });

  it("gives up when the gateway stays away", async () => {
    let calls = 0;
    const breakOff: typeof fetch = async (path, init) => {
      calls += 1;
      if (calls > 1) return gone(path, init);
      return new Response('id: req_1:1\ndata: {"choices":[{"delta":{"content":"one"}}]}\n\n');
    };
    await expect(runPage(breakOff)).rejects.toThrow("The gateway stays away.");
    expect(calls).toBe(11);
  });
});
