import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { inspectBackend } from "../../../src/engine/host/inspect.ts";

class FakeInspector extends EventEmitter {
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();

  kill(): boolean {
    this.end(null, "SIGKILL");
    return true;
  }

  end(exitCode: number | null, signal: string | null): void {
    this.stdout.end();
    this.stderr.end();
    this.emit("close", exitCode, signal);
  }
}

function inspectWith(play: (child: FakeInspector) => void, timeoutMs = 60_000) {
  const child = new FakeInspector();
  const inspection = inspectBackend("cuda", { addon: "/addon.node", variants: [] }, { spawn: () => child, timeoutMs });
  play(child);
  return inspection;
}

describe("inspectBackend", () => {
  it("passes on what the process reports", async () => {
    const report = { type: "refused", reason: "no", linkErrors: { driver: "libcuda.so.1: cannot open", variants: [] } };
    const inspection = await inspectWith((child) => {
      child.emit("message", report);
      child.end(0, null);
    });
    expect(inspection).toEqual(report);
  });

  it("reports a crash as one, with the signal and the last words", async () => {
    const inspection = await inspectWith((child) => {
      child.stderr.write("GGML_ASSERT failed\n");
      setImmediate(() => child.end(null, "SIGABRT"));
    });
    expect(inspection).toEqual({
      type: "crashed",
      reason: "the engine's process was ended by SIGABRT",
      lastLines: ["GGML_ASSERT failed"],
    });
  });

  it("ends a process that hangs, and says so", async () => {
    const inspection = await inspectWith(() => {}, 0);
    expect(inspection).toMatchObject({
      type: "crashed",
      reason: expect.stringContaining("it did not answer within 0 s"),
    });
  });

  it("takes a process that can't be started for a crash", async () => {
    const inspection = await inspectWith((child) => child.emit("error", new Error("spawn EAGAIN")));
    expect(inspection).toEqual({ type: "crashed", reason: "spawn EAGAIN", lastLines: [] });
  });

  it("does not believe a message that is no report", async () => {
    const inspection = await inspectWith((child) => {
      child.emit("message", { type: "opened", backend: "abacus" });
      child.end(0, null);
    });
    expect(inspection).toMatchObject({ type: "crashed", reason: "its process sent something else than a report" });
  });
});
