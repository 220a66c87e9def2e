import { describe, expect, it } from "vitest";
import type { StreamRecord } from "../../src/store/streams.ts";
import { DAY_MS, openState, temporaryFolder } from "./support.ts";

function begun(id: string, overrides: Partial<StreamRecord> = {}): StreamRecord {
  const record = { id, tenant: "t", key: null, createdMs: 1, seed: 2, prints: "[]", request: "{}", lost: null };
  return { ...record, ...overrides };
}

const step = (stream: string, position: number) => ({ stream, position, body: `[${position}]` });

describe("the streams in a state file", () => {
  it("come back with their steps in order, for their tenant", () => {
    const { streams } = openState();
    streams.write({ begun: [begun("a")], steps: [step("a", 1), step("a", 0)], charged: [], ended: [] });
    streams.write({ begun: [], steps: [step("a", 2)], charged: [], ended: [] });
    expect(streams.find("a", "t")).toEqual({ ...begun("a"), steps: ["[0]", "[1]", "[2]"], charged: undefined });
    expect(streams.find("a", "other")).toBeUndefined();
  });

  it("lose their steps with themselves, and a step without its stream is dropped", () => {
    const { streams } = openState();
    streams.write({ begun: [begun("a")], steps: [step("a", 0)], charged: [], ended: [] });
    streams.write({ begun: [], steps: [step("a", 1), step("gone", 0)], charged: [], ended: ["a"] });
    streams.write({ begun: [begun("a")], steps: [], charged: [], ended: [] });
    expect(streams.find("a", "t")?.steps).toEqual([]);
    expect(streams.find("gone", "t")).toBeUndefined();
  });

  it("are taken over from a process that is gone, until their time is over", () => {
    using folder = temporaryFolder();
    const first = openState({ file: folder.file, pid: 1 });
    first.streams.write({ begun: [begun("a")], steps: [], charged: [], ended: [] });
    first.close();
    const clock = { ms: Date.now() };
    const second = openState({ file: folder.file, pid: 2, isAlive: () => false, now: () => clock.ms });
    expect(second.streams.find("a", "t")).toBeUndefined();
    second.streams.adopt(clock.ms + 1_000);
    expect(second.streams.find("a", "t")?.id).toBe("a");
    clock.ms += 1_000;
    expect(second.streams.find("a", "t")).toBeUndefined();
    second.close();
  });

  it("are left to a process that runs, and removed after a day in any case", () => {
    using folder = temporaryFolder();
    const clock = { ms: 1_000_000 };
    const now = () => clock.ms;
    const first = openState({ file: folder.file, pid: 1, now });
    first.streams.write({ begun: [begun("a")], steps: [], charged: [], ended: [] });
    const second = openState({ file: folder.file, pid: 2, isAlive: () => true, now });
    second.streams.adopt(clock.ms + 1_000);
    expect(second.streams.find("a", "t")).toBeUndefined();
    expect(first.streams.find("a", "t")?.id).toBe("a");
    second.close();
    first.close();
    clock.ms += DAY_MS;
    const third = openState({ file: folder.file, pid: 1, now });
    expect(third.streams.find("a", "t")).toBeUndefined();
    third.close();
  });

  it("go with the key that began them", () => {
    const { streams, keys } = openState();
    keys.create({ id: "key_1", name: "a", createdMs: 1, expiresMs: undefined, policy: "{}" }, "h");
    streams.write({ begun: [begun("a", { key: "key_1" }), begun("b")], steps: [step("a", 0)], charged: [], ended: [] });
    keys.remove("key_1");
    expect(streams.find("a", "t")).toBeUndefined();
    expect(streams.find("b", "t")?.id).toBe("b");
  });
});
