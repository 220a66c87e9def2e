import { expect, it } from "vitest";
import { watchTerminal } from "../../src/cli/terminal.ts";

it("tells a terminal that was closed from one that is open and from none", () => {
  const terminals = new Set([0, 2]);
  const isGone = watchTerminal((fd) => terminals.has(fd));
  const hadNone = watchTerminal(() => false);
  expect(isGone()).toBe(false);
  terminals.delete(0);
  expect(isGone()).toBe(false);
  terminals.clear();
  expect(isGone()).toBe(true);
  expect(hadNone()).toBe(false);
});
