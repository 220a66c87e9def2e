import { describe, expect, it } from "vitest";
import { holdHangUps } from "../../src/cli/hang-up.ts";
import { InterruptedError, watchInterrupts } from "../../src/cli/interrupts.ts";
import { FakeProcess } from "./fake-context.ts";

function watch(env: NodeJS.ProcessEnv = {}) {
  const source = new FakeProcess();
  const exits: InterruptedError[] = [];
  let clockMs = 1_000;
  const interrupts = watchInterrupts({
    source,
    env,
    exitNow: (interrupted) => exits.push(interrupted),
    now: () => clockMs,
  });
  return {
    interrupts,
    source,
    exits,
    later: (ms: number) => {
      clockMs += ms;
    },
  };
}

describe("watchInterrupts", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("aborts at the first %s, with the code %i that a shell would see", (name, exitCode) => {
    const { interrupts, source, exits } = watch();
    expect(interrupts.signal.aborted).toBe(false);
    source.emit(name, name);
    expect(interrupts.signal.reason).toBeInstanceOf(InterruptedError);
    expect(interrupts.signal.reason).toMatchObject({ signalName: name, exitCode });
    expect(exits).toEqual([]);
  });

  it("exits at once at the second, whichever it is and however soon", () => {
    const { source, exits } = watch();
    source.emit("SIGTERM", "SIGTERM");
    source.emit("SIGINT", "SIGINT");
    source.emit("SIGINT", "SIGINT");
    expect(exits.map(({ exitCode }) => exitCode)).toEqual([130, 130]);
  });

  it.each([
    ["npm passes", { npm_lifecycle_event: "start" }],
    ["bin/sluice.js passes", { SLUICE_LAUNCHED: "1" }],
  ])("ignores the signal that %s on for the same press of Ctrl+C", (_, env) => {
    const { source, exits, later } = watch(env);
    source.emit("SIGINT", "SIGINT");
    later(40);
    source.emit("SIGINT", "SIGINT");
    expect(exits).toEqual([]);
    later(600);
    source.emit("SIGINT", "SIGINT");
    expect(exits).toHaveLength(1);
  });

  it("never ignores another signal", () => {
    const { source, exits } = watch({ npm_lifecycle_event: "start" });
    source.emit("SIGINT", "SIGINT");
    source.emit("SIGTERM", "SIGTERM");
    expect(exits.map(({ exitCode }) => exitCode)).toEqual([143]);
  });

  it("leaves no listener behind", () => {
    const { interrupts, source } = watch();
    interrupts.dispose();
    expect(source.eventNames()).toEqual([]);
  });

  it("reloads for a SIGHUP that came before anybody listened, once", () => {
    const source = new FakeProcess();
    const held = holdHangUps(source);
    source.emit("SIGHUP", "SIGHUP");
    source.emit("SIGHUP", "SIGHUP");
    let reloads = 0;
    const interrupts = watchInterrupts({
      ...{ source, env: {}, exitNow: () => {} },
      hangUp: { isTerminalGone: () => false, onReload: () => void reloads++, held },
    });
    expect(reloads).toBe(1);
    source.emit("SIGHUP", "SIGHUP");
    expect(reloads).toBe(2);
    interrupts.dispose();
    expect(source.eventNames()).toEqual([]);
  });

  it("reloads at SIGHUP, however often, and ends when the SIGHUP is that of a closed terminal", () => {
    const source = new FakeProcess();
    let isTerminalGone = false;
    let reloads = 0;
    const interrupts = watchInterrupts({
      ...{ source, env: {}, exitNow: () => {} },
      hangUp: { isTerminalGone: () => isTerminalGone, onReload: () => void reloads++ },
    });
    source.emit("SIGHUP", "SIGHUP");
    source.emit("SIGHUP", "SIGHUP");
    expect([reloads, interrupts.signal.aborted]).toEqual([2, false]);
    isTerminalGone = true;
    source.emit("SIGHUP", "SIGHUP");
    expect(reloads).toBe(2);
    expect(interrupts.signal.reason).toMatchObject({ signalName: "SIGHUP", exitCode: 129 });
    interrupts.dispose();
    expect(source.listenerCount("SIGHUP")).toBe(0);
  });
});
