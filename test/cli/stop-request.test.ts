import { describe, expect, it } from "vitest";
import { holdStopRequest } from "../../src/cli/stop-request.ts";

const CONFIG = { shutdownGraceMs: 30_000, drainDelayMs: 2_000 };

describe("a stop that is asked for over HTTP", () => {
  it("goes as a signal would, or at once", async () => {
    const gentle = holdStopRequest(CONFIG, {});
    expect(gentle.requestStop(false)).toEqual({ delayMs: 2_000, graceMs: 30_000 });
    await gentle.asked;
    expect(gentle.plan()).toEqual({ delayMs: 2_000, graceMs: 30_000 });
    const harsh = holdStopRequest(CONFIG, {});
    expect([harsh.requestStop(true), harsh.plan()]).toEqual(Array(2).fill({ delayMs: 0, graceMs: 0 }));
  });

  it.each([
    [{ SYSTEMD_EXEC_PID: "7" }, "systemd"],
    [{ SYSTEMD_EXEC_PID: "6" }, "systemd"],
    // A shell of a terminal that systemd has started.
    [{ SYSTEMD_EXEC_PID: "5", INVOCATION_ID: "1" }, undefined],
    [{ XPC_SERVICE_NAME: "io.github.sluice-gateway" }, "launchd"],
    [{ XPC_SERVICE_NAME: "application.com.apple.Terminal" }, undefined],
    [{}, undefined],
  ])("with %j it says that it was started by %s", (env, manager) => {
    expect(holdStopRequest(CONFIG, env, [7, 6]).plan().serviceManager).toBe(manager);
  });
});
