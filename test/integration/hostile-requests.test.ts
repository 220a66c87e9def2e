import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { findServerFault, hostileRequests } from "../fixtures/hostile-requests.ts";
import { runSluice } from "./sluice-process.ts";

const MODEL = "smollm2-135m-instruct";
const SECONDS = 30;

/** It does what it says, and nothing could be asked after it. */
function isStop(path: string): boolean {
  return /stop/i.test(
    path.replaceAll(/%[0-9a-f]{2}/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16))),
  );
}

test(`requests of any kind, for ${SECONDS} seconds, are answered or refused in words, and the engine lives on`, async () => {
  const folder = await mkdtemp(join(tmpdir(), "sluice-hostile-"));
  const bounds = ["--max-tokens", "2", "--max-tokens-limit", "4", "--context", "512"];
  const gateway = runSluice("--state-file", join(folder, "state.db"), ...bounds);
  try {
    const url = await gateway.ready;
    const document: unknown = await (await fetch(`${url}/openapi.json`)).json();
    await fc.assert(
      fc.asyncProperty(
        hostileRequests(document, { model: MODEL, ids: [] }).filter(({ path }) => !isStop(path)),
        async ({ method, path, headers, body }) => {
          const response = await fetch(
            `${url}${path}`,
            body === undefined ? { method, headers } : { method, headers, body },
          );
          expect(findServerFault(path, response.status, await response.text())).toBeUndefined();
        },
      ),
      { numRuns: 10_000, interruptAfterTimeLimit: SECONDS * 1_000, endOnFailure: true },
    );
    const state = await fetch(`${url}/ready`);
    expect([state.status, await state.text()]).toEqual([200, expect.anything()]);
    const troubles = gateway.log().filter(({ level }) => level === "error" || level === "fatal");
    expect(troubles).toEqual([]);
  } finally {
    gateway.kill("SIGTERM");
    await gateway.ended;
    await rm(folder, { recursive: true });
  }
}, 180_000);
