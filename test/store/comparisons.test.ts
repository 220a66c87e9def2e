import { describe, expect, test } from "vitest";
import { openKeyState } from "../../src/store/state.ts";
import { temporaryFolder } from "./support.ts";

describe("Comparisons in the state file", () => {
  test("are there after a restart, the newest first", () => {
    using folder = temporaryFolder();
    const first = openKeyState(folder.file);
    first.comparisons.add(1, "one");
    first.comparisons.add(2, "two");
    first.close();
    const second = openKeyState(folder.file);
    expect(second.comparisons.latest()).toBe("two");
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
    for (let index = 0; index < 30; index++) state.comparisons.add(index, `report ${index}`);
    expect(state.comparisons.latest()).toBe("report 29");
    expect(state.comparisons.count()).toBe(20);
    state.close();
  });
});
