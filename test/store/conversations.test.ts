import { describe, expect, it } from "vitest";
import { idsOf, item, openState, outcome } from "./support.ts";

const conversation = { id: "c", createdMs: 5, metadata: '{"topic":"sea"}' };
const ALL = { limit: 10, order: "asc", after: undefined } as const;

describe("stored conversations", () => {
  it("are returned with their items in order", () => {
    const { conversations } = openState();
    conversations.create(conversation, [item("1")]);
    conversations.add("c", [item("2"), item("3")]);
    expect(conversations.get("c")).toEqual(conversation);
    expect(idsOf(conversations.items("c"))).toEqual(["1", "2", "3"]);
    expect(conversations.countItems("c")).toBe(3);
  });

  it("return single items, and can lose them", () => {
    const { conversations, responses } = openState();
    conversations.create(conversation, [item("1"), item("2")]);
    expect(conversations.getItem("c", "2")).toMatchObject({ id: "2" });
    expect(conversations.removeItem("c", "1")).toBe(true);
    expect(conversations.removeItem("c", "1")).toBe(false);
    expect(idsOf(conversations.page("c", ALL)?.data)).toEqual(["2"]);
    expect(responses.findItem("1")).toBeUndefined();
  });

  it("are deleted with their items, except those that a response holds", () => {
    const { conversations, responses } = openState();
    conversations.create(conversation, [item("1")]);
    responses.save(outcome("a", { conversation: "c" }));
    expect(conversations.remove("c")).toBe(true);
    expect(conversations.get("c")).toBeUndefined();
    expect(responses.findItem("1")).toBeUndefined();
    expect(idsOf(responses.items("a"))).toEqual(["a-in", "a-out"]);
  });

  it("accept no items after they were deleted, such as while a response runs", () => {
    const { conversations, responses } = openState();
    expect(conversations.add("c", [item("1")])).toBe(false);
    responses.save(outcome("a", { conversation: "c" }));
    expect(conversations.items("c")).toEqual([]);
    expect(responses.get("a")).toBeDefined();
  });

  it("can get other metadata", () => {
    const { conversations } = openState();
    conversations.create(conversation, []);
    expect(conversations.setMetadata("c", "{}")).toBe(true);
    expect(conversations.get("c")?.metadata).toBe("{}");
    expect(conversations.setMetadata("nobody", "{}")).toBe(false);
  });
});
