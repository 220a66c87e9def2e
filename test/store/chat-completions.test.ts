import { describe, expect, it } from "vitest";
import { idsOf, openState } from "./support.ts";

const chat = { createdMs: 1, model: "one", metadata: "{}", body: "{}", messages: "[]" };
const query = {
  limit: 2,
  order: "asc",
  after: undefined,
  model: undefined,
  metadata: new Map<string, string>(),
} as const;

describe("stored chat completions", () => {
  it("are listed in pages, in the order in which they were stored, from either end", () => {
    const { chats } = openState();
    for (const id of ["a", "b", "c"]) chats.save({ ...chat, id });
    const first = chats.page(query);
    expect([idsOf(first?.data), first?.hasMore]).toEqual([["a", "b"], true]);
    const second = chats.page({ ...query, after: "b" });
    expect([idsOf(second?.data), second?.hasMore]).toEqual([["c"], false]);
    expect(idsOf(chats.page({ ...query, order: "desc" })?.data)).toEqual(["c", "b"]);
    expect(chats.page({ ...query, after: "nobody" })).toBeUndefined();
  });

  it("are found by model and by all given metadata", () => {
    const { chats } = openState();
    chats.save({ ...chat, id: "a", metadata: '{"topic":"sea","it\'s \\"odd\\"":"yes"}' });
    chats.save({ ...chat, id: "b", metadata: '{"topic":"sea"}', model: "two" });
    const find = (pairs: readonly (readonly [string, string])[], model?: string) =>
      idsOf(chats.page({ ...query, model, metadata: new Map(pairs) })?.data);
    expect(find([["topic", "sea"]])).toEqual(["a", "b"]);
    expect(find([["topic", "sea"]], "two")).toEqual(["b"]);
    expect(
      find([
        ["topic", "sea"],
        ['it\'s "odd"', "yes"],
      ]),
    ).toEqual(["a"]);
    expect(find([["topic", "fox"]])).toEqual([]);
  });

  it("can get other metadata and be deleted", () => {
    const { chats } = openState();
    chats.save({ ...chat, id: "a" });
    expect(chats.setMetadata("a", '{"x":"y"}')).toBe(true);
    expect(chats.get("a")).toEqual({ ...chat, id: "a", metadata: '{"x":"y"}' });
    expect([chats.remove("a"), chats.remove("a"), chats.setMetadata("a", "{}")]).toEqual([true, false, false]);
  });
});
