import { describe, expect, test } from "vitest";
import { openKeyState } from "../../src/store/state.ts";
import { reportOf } from "../cli/compare/support.ts";
import { temporaryFolder } from "./support.ts";

describe("Comparisons in the state file", () => {
  test("are there after a restart, the newest first", () => {
    using folder = temporaryFolder();
    const first = openKeyState(folder.file);
    first.comparisons.add(reportOf([], { createdMs: 1 }));
    first.comparisons.add(reportOf([], { createdMs: 2 }));
    first.close();
    const second = openKeyState(folder.file);
    expect(second.comparisons.latest()).toEqual(reportOf([], { createdMs: 2 }));
    second.close();
  });

  test("are none where there is no file, which isn't created", () => {
    using folder = temporaryFolder();
    const state = openKeyState(folder.file);
    expect(state.comparisons.latest()).toBeUndefined();
    expect(state.shadows.exists()).toBe(false);
    state.close();
  });

  test("are kept in a bounded number", () => {
    using folder = temporaryFolder();
    const state = openKeyState(folder.file);
    for (let index = 0; index < 30; index++) state.comparisons.add(reportOf([], { createdMs: index }));
    expect(state.comparisons.latest()?.createdMs).toBe(29);
    expect(state.comparisons.count()).toBe(20);
    state.close();
  });
});
