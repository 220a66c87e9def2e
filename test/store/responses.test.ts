import { describe, expect, it } from "vitest";
import { idsOf, item, openState, outcome, record, temporaryFolder } from "./support.ts";

const NEWEST = { limit: 2, order: "desc", after: undefined } as const;

describe("stored responses", () => {
  it("are returned with their items in order", () => {
    const { responses } = openState();
    responses.save(outcome("a", { input: [item("1"), item("2")], output: [item("3")] }));
    expect(responses.get("a")).toEqual(record("a"));
    expect(idsOf(responses.items("a"))).toEqual(["1", "2", "3"]);
  });

  it("share the items of earlier turns", () => {
    const { responses } = openState();
    responses.save(outcome("a"));
    responses.save(outcome("b", { context: responses.items("a") }));
    expect(idsOf(responses.items("b"))).toEqual(["a-in", "a-out", "b-in", "b-out"]);
    expect(responses.items("b")[0]?.seq).toBe(responses.items("a")[0]?.seq);
  });

  it("keep their input when the previous response is deleted", () => {
    const { responses } = openState();
    responses.save(outcome("a"));
    responses.save(outcome("b", { context: responses.items("a") }));
    expect(responses.remove("a")).toBe(true);
    expect(responses.get("a")).toBeUndefined();
    expect(idsOf(responses.items("b"))).toEqual(["a-in", "a-out", "b-in", "b-out"]);
    responses.remove("b");
    expect(responses.findItem("a-in")).toBeUndefined();
  });

  it("keep their input even if the previous response was deleted while they ran", () => {
    const { responses } = openState();
    responses.save(outcome("a"));
    const context = responses.items("a");
    responses.remove("a");
    responses.save(outcome("b", { context }));
    expect(idsOf(responses.items("b"))).toEqual(["a-in", "a-out", "b-in", "b-out"]);
  });

  it("list their input items in pages, from either end, without their output", () => {
    const { responses } = openState();
    responses.save(outcome("a", { input: [item("1"), item("2"), item("3")] }));
    const first = responses.inputItems("a", NEWEST);
    expect([idsOf(first?.data), first?.hasMore]).toEqual([["3", "2"], true]);
    const second = responses.inputItems("a", { ...NEWEST, after: "2" });
    expect([idsOf(second?.data), second?.hasMore]).toEqual([["1"], false]);
    expect(idsOf(responses.inputItems("a", { limit: 5, order: "asc", after: "1" })?.data)).toEqual(["2", "3"]);
    expect(responses.inputItems("a", { ...NEWEST, after: "a-out" })).toBeUndefined();
  });

  it("report whether there was one to delete", () => {
    expect(openState().responses.remove("nobody")).toBe(false);
  });

  it("can add to a conversation without being stored themselves", () => {
    const { responses, conversations } = openState();
    conversations.create({ id: "c", createdMs: 1, metadata: "{}" }, []);
    responses.save(outcome("a", { keep: false, conversation: "c" }));
    expect(responses.get("a")).toBeUndefined();
    expect(idsOf(conversations.items("c"))).toEqual(["a-in", "a-out"]);
  });

  it("leave nothing behind if they can't be written completely", () => {
    const { responses } = openState();
    responses.save(outcome("a"));
    expect(() => responses.save(outcome("a", { input: [item("lost")] }))).toThrow();
    expect(responses.findItem("lost")).toBeUndefined();
  });
});

describe("a response that runs in the background", () => {
  const running = record("a", { status: "queued" });
  const items = { context: [], input: [item("in")] };

  it("is stored from its beginning, and complete at its end", () => {
    const { responses, conversations } = openState();
    conversations.create({ id: "c", createdMs: 1, metadata: "{}" }, []);
    responses.begin(running, items);
    expect(responses.get("a")?.status).toBe("queued");
    responses.finish({ ...outcome("a", items), output: [item("out")], conversation: "c" });
    expect(responses.get("a")?.status).toBe("completed");
    expect(idsOf(responses.items("a"))).toEqual(["in", "out"]);
    expect(idsOf(conversations.items("c"))).toEqual(["in", "out"]);
  });

  it("isn't stored again if it ends after it was deleted", () => {
    const { responses } = openState();
    responses.begin(running, items);
    responses.remove("a");
    responses.finish(outcome("a", items));
    expect(responses.get("a")).toBeUndefined();
    expect(responses.findItem("a-out")).toBeUndefined();
  });

  it("keeps its first end", () => {
    const { responses } = openState();
    responses.begin(running, items);
    responses.finish({ ...outcome("a", items), record: record("a", { status: "cancelled" }) });
    responses.finish(outcome("a", items));
    expect(responses.get("a")?.status).toBe("cancelled");
  });

  it.each([
    ["the process that ran it is gone", 1, false, "failed"],
    ["this process had the number of the one that ran it", 2, true, "failed"],
    ["another process runs it", 1, true, "in_progress"],
  ])("has the right status after a restart if %s", (_, pid, alive, status) => {
    using folder = temporaryFolder();
    const first = openState({ file: folder.file, pid });
    first.responses.begin(record("a", { status: "in_progress" }), items);
    first.close();
    const second = openState({ file: folder.file, pid: 2, isAlive: () => alive });
    expect(second.responses.get("a")?.status).toBe(status);
    if (status === "failed") {
      expect(JSON.parse(second.responses.get("a")?.body ?? "")).toMatchObject({
        id: "a",
        status: "failed",
        error: { code: "server_error", message: expect.stringContaining("stopped") },
      });
    }
    second.close();
  });
});
