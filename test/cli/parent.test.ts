import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { watchParent } from "../../src/cli/parent.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watched(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = "linux") {
  const source = { pid: 7, ppid: 6, platform, kill: vi.fn() };
  const watching = watchParent(source, env);
  return {
    orphan() {
      source.ppid = 1;
      vi.advanceTimersByTime(10_000);
      watching[Symbol.dispose]();
      return source.kill.mock.calls;
    },
    stay() {
      vi.advanceTimersByTime(10_000);
      return source.kill.mock.calls;
    },
  };
}

it.each([
  ["its launcher", { SLUICE_LAUNCHED: "1" }],
  ["the shell of `npm start` in a checkout", { npm_lifecycle_event: "start", npm_package_name: "sluice-gateway" }],
])("ends the program, once, after %s is gone, and not before", (_, env) => {
  const { orphan, stay } = watched(env);
  expect(stay()).toEqual([]);
  expect(orphan()).toEqual([[7, "SIGTERM"]]);
});

it.each([
  ["by a shell", {}, "linux"],
  ["by a script of another package", { npm_lifecycle_event: "start", npm_package_name: "app" }, "linux"],
  ["on Windows, which doesn't tell", { SLUICE_LAUNCHED: "1" }, "win32"],
] as const)("leaves a program alone that was started %s", (_, env, platform) => {
  expect(watched(env, platform).orphan()).toEqual([]);
});
