import { describe, expect, it } from "vitest";
import { createLiveRows } from "../../../src/cli/chat/live-rows.ts";
import { fakeOutput } from "../fake-context.ts";

function setUp(size: { readonly columns: number; readonly rows: number }) {
  const output = Object.assign(fakeOutput({ isTTY: true }), size);
  const live = createLiveRows(output);
  let written = 0;
  const show = (...rows: string[]) => {
    live.show(rows);
    const fresh = output.text().slice(written);
    written = output.text().length;
    return fresh;
  };
  return { output, live, show };
}

describe("rows that may still change", () => {
  it("are written again only from the first that has changed", () => {
    const { show } = setUp({ columns: 40, rows: 24 });
    expect(show("one", "two")).toBe("\r\u001b[Jone\ntwo\n");
    expect(show("one", "two")).toBe("");
    expect(show("one", "two three", "four")).toBe("\u001b[1A\r\u001b[Jtwo three\nfour\n");
    expect(show("one")).toBe("\u001b[2A\r\u001b[J");
  });

  it("stay as they are once they have left the screen", () => {
    const { show } = setUp({ columns: 40, rows: 3 });
    show("1", "2", "3", "4");
    expect(show("a", "b", "c", "d")).toBe("\u001b[2A\r\u001b[Jc\nd\n");
  });

  it("take several rows of a terminal that has become narrower", () => {
    const { show, output } = setUp({ columns: 40, rows: 24 });
    show("x".repeat(30), "y");
    Object.assign(output, { columns: 10 });
    expect(show("z")).toBe("\u001b[4A\r\u001b[Jz\n");
  });

  it("are left once they are settled", () => {
    const { show, live } = setUp({ columns: 40, rows: 24 });
    show("one");
    live.settle();
    expect(show("two")).toBe("\r\u001b[Jtwo\n");
  });
});
