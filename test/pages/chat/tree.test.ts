import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { branchesAt, growTree, newestBelow, pathTo } from "../../../pages/chat/conversation/tree.ts";
import { answer, idsOf, userMessage } from "./messages.ts";

const QUESTION = userMessage({ id: "q" });
const FIRST = answer({ id: "first", parent: "q", createdAtMs: 2 });
const SECOND = answer({ id: "second", parent: "q", createdAtMs: 3 });
const FOLLOW_UP = userMessage({ id: "follow-up", parent: "first", createdAtMs: 4 });

describe("a tree of messages", () => {
  it("tells the way to a message, and the branches beside it", () => {
    const tree = growTree([FOLLOW_UP, SECOND, FIRST, QUESTION]);
    expect(idsOf(pathTo(tree, "follow-up"))).toEqual(["q", "first", "follow-up"]);
    expect(branchesAt(tree, "second")).toEqual({ ids: ["first", "second"], index: 1 });
    expect(branchesAt(tree, "q")).toEqual({ ids: ["q"], index: 0 });
  });

  it("leads from a branch to the end of its newest branch", () => {
    const tree = growTree([QUESTION, FIRST, SECOND, FOLLOW_UP]);
    expect(newestBelow(tree, "first")).toBe("follow-up");
    expect(newestBelow(tree, "q")).toBe("second");
  });

  it("shows nothing for a message that isn't there", () => {
    const tree = growTree([QUESTION]);
    expect(pathTo(tree, "gone")).toEqual([]);
    expect(pathTo(tree, null)).toEqual([]);
    expect(branchesAt(tree, "gone")).toEqual({ ids: [], index: -1 });
  });

  it("leaves out messages without a way to the top, circles too", () => {
    const circle = [userMessage({ id: "x", parent: "y" }), userMessage({ id: "y", parent: "x" })];
    const orphan = userMessage({ id: "orphan", parent: "gone" });
    expect([...growTree([QUESTION, ...circle, orphan]).byId.keys()]).toEqual(["q"]);
  });

  it("holds every message once, whatever their order, and each is at the end of its own path", () => {
    const parents = fc.array(fc.nat(), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(parents, fc.infiniteStream(fc.nat()), (choices, shuffle) => {
        const messages = choices.map((choice, index) =>
          userMessage({
            id: String(index),
            parent: index === 0 || choice % 4 === 0 ? null : String(choice % index),
            createdAtMs: index,
          }),
        );
        const shuffled = messages
          .map((message) => ({ message, at: shuffle.next().value ?? 0 }))
          .sort((a, b) => a.at - b.at)
          .map(({ message }) => message);
        const tree = growTree(shuffled);
        expect(tree.byId.size).toBe(messages.length);
        for (const message of messages) {
          const path = pathTo(tree, message.id);
          expect(path.at(-1)).toBe(message);
          expect(path[0]?.parent).toBeNull();
          const { ids, index } = branchesAt(tree, message.id);
          expect(ids[index]).toBe(message.id);
          expect(pathTo(tree, newestBelow(tree, message.id))).toContain(message);
        }
      }),
    );
  });
});
