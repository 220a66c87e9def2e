import { fileURLToPath } from "node:url";
import { afterEach, expect, test, vi } from "vitest";
import {
  dismissPreparedWorker,
  forkWorker,
  prepareWorker,
  type WorkerChild,
} from "../../../src/engine/host/worker-child.ts";
import { OPTIONS } from "./helpers.ts";

// Nothing here waits for time, but a process takes its time to start where the machine is busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const fixture = fileURLToPath(new URL("./fixtures/worker.ts", import.meta.url));

const exits: Promise<unknown>[] = [];
const children: WorkerChild[] = [];

function watch(child: WorkerChild | undefined): WorkerChild {
  if (child === undefined) throw new Error("no worker was forked");
  if (!children.includes(child)) {
    children.push(child);
    exits.push(exitOf(child));
  }
  return child;
}

const exitOf = (child: WorkerChild) => new Promise((resolve) => child.on("exit", resolve));

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await Promise.all(exits.splice(0));
});

test("a prepared worker is used for the first fork only", async () => {
  const prepared = watch(prepareWorker(fixture));
  const [first, second] = [watch(forkWorker(fixture)), watch(forkWorker(fixture))];
  expect(first).toBe(prepared);
  expect(second.pid).not.toBe(prepared.pid);
  const loaded = new Promise((resolve) => first.on("message", resolve));
  first.send({ type: "load", options: { ...OPTIONS, modelPath: "fine" } }, () => {});
  expect(await loaded).toMatchObject({ type: "loaded" });
});

test("a prepared worker of other code is left alone, and ends when it is dismissed", async () => {
  const prepared = watch(prepareWorker(fixture));
  expect(watch(forkWorker(`${fixture}.missing.ts`))).not.toBe(prepared);
  const exited = exitOf(prepared);
  dismissPreparedWorker();
  await exited;
  expect(watch(forkWorker(fixture))).not.toBe(prepared);
});

test("a prepared worker that has died in the meantime is replaced", async () => {
  const prepared = watch(prepareWorker(fixture));
  const exited = exitOf(prepared);
  prepared.kill("SIGKILL");
  await exited;
  const replacement = watch(forkWorker(fixture));
  expect(replacement).not.toBe(prepared);
  expect(replacement.connected).toBe(true);
});
