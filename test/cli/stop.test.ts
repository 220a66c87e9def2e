import { describe, expect, it } from "vitest";
import { run } from "../../src/cli/run.ts";
import { stop } from "../../src/cli/stop.ts";
import type { Flags } from "../../src/config/load.ts";
import type { RequestStop, StopPlan } from "../../src/http/stop.ts";
import { createTestApp, listen, script, servedModel } from "../http/support.ts";
import { fakeContext } from "./fake-context.ts";

const PLAN: StopPlan = { delayMs: 0, graceMs: 30_000 };

type Given = {
  readonly plan?: StopPlan;
  readonly load?: { readonly running: number; readonly waiting: number };
  /** For so many looks its process is there. */
  readonly looks?: number;
  readonly isBack?: boolean;
};

async function stopWith(
  flags: Flags,
  { plan = PLAN, load = { running: 0, waiting: 0 }, looks = 2, isBack }: Given = {},
) {
  const asked: boolean[] = [];
  const requestStop: RequestStop = (isNow) => {
    asked.push(isNow);
    return plan;
  };
  const model = servedModel(script([]), { workload: () => ({ ...load, firstTokenMs: undefined }) });
  const server = await listen(createTestApp({ models: [model], requestStop }).app);
  const context = fakeContext();
  let left = looks;
  const { hostname } = await import("node:os");
  const machine = {
    hostname: hostname(),
    isAlive: (pid: number) => {
      expect(pid).toBe(process.pid);
      left -= 1;
      if (left === 0 && isBack !== true) void server[Symbol.asyncDispose]();
      return left > 0;
    },
  };
  try {
    const exitCode = await stop({ url: server.url, ...flags }, context, machine);
    return { asked, exitCode, stdout: context.stdout.text(), stderr: context.stderr.text(), url: server.url };
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

describe("sluice stop", () => {
  it("waits until the gateway's process is gone", async () => {
    const { asked, exitCode, stdout, stderr, url } = await stopWith({});
    expect([asked, exitCode, stderr]).toEqual([[false], 0, ""]);
    expect(stdout).toMatch(new RegExp(`^The gateway at ${url} has stopped, after \\d+ s\\.\n$`));
  });

  it("says what it waits for, and for how long at most", async () => {
    const { stderr } = await stopWith({}, { load: { running: 2, waiting: 1 } });
    expect(stderr).toBe("It waits for 2 running and 1 waiting requests, for 30 s at most. With --now it doesn't.\n");
  });

  it("with --now cuts them off", async () => {
    const { asked, stderr } = await stopWith(
      { now: true },
      { load: { running: 1, waiting: 0 }, plan: { delayMs: 0, graceMs: 0 } },
    );
    expect([asked, stderr]).toEqual([[true], "It cuts off 1 running and 0 waiting request.\n"]);
  });

  it("says that a service manager may start it again, or has", async () => {
    const plan: StopPlan = { ...PLAN, serviceManager: "systemd" };
    const gone = await stopWith({}, { plan });
    expect(gone.stderr).toContain("systemd may start it again");
    expect(gone.stderr).toContain("service remove");
    const back = await stopWith({ json: true }, { plan, isBack: true });
    expect(JSON.parse(back.stdout)).toMatchObject({ service_manager: "systemd", is_back: true, pid: process.pid });
  });

  it("says so where the process doesn't end in time", async () => {
    const endless = stopWith({}, { looks: Number.POSITIVE_INFINITY, plan: { delayMs: 0, graceMs: -14_950 } });
    await expect(endless).rejects.toThrow(/^The gateway at .* is still there after 1 s\./);
  });

  it("is refused by a gateway in another program, and finds none with code 3", async () => {
    await using server = await listen(createTestApp({ requestStop: "none" }).app);
    const context = fakeContext();
    expect(await run(["stop", "--url", server.url], context)).toBe(1);
    expect(context.stderr.text()).toContain("part of another program");
    expect(await run(["stop", "--url", "http://127.0.0.1:9"], fakeContext())).toBe(3);
  });
});
