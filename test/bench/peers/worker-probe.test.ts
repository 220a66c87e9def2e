import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { HostMessage } from "../../../src/engine/contract/messages.ts";

const PROBE = new URL("../../../bench/peers/worker-probe.ts", import.meta.url).href;
/** Ends a sequence 20 ms after it has come. */
const WORKER = `
  process.on("message", (text) => {
    const { type, sequence } = JSON.parse(text);
    if (type !== "submit") return;
    setTimeout(() => process.send({ type: "step", updates: [{ id: sequence.id, finished: {} }] }), 20);
  });
`;

test("it notes how long a request took from the host's message to its end", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-probe-"));
  const place = join(folder, "engine", "worker");
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, "main.js"), WORKER);
  const file = join(folder, "probe.log");
  const worker = fork(join(place, "main.js"), {
    execArgv: ["--import", PROBE],
    env: { ...process.env, BENCH_PROBE_FILE: file },
  });
  onTestFinished(async () => {
    worker.kill();
    if (worker.exitCode === null && worker.signalCode === null) await once(worker, "exit");
    rmSync(folder, { recursive: true, force: true });
  });

  const messages: object[] = [
    { type: "cancel", id: 7 } satisfies HostMessage,
    { type: "submit" satisfies HostMessage["type"], sequence: { id: 7 } },
  ];
  for (const message of messages) worker.send(JSON.stringify(message));
  await once(worker, "message");
  worker.send(JSON.stringify(messages[1]));
  await once(worker, "message");

  const notes = readFileSync(file, "utf8").trim().split("\n").map(Number);
  expect(notes[0]).toBeGreaterThan(15);
  expect(notes[0]).toBeLessThan(10_000);
});
