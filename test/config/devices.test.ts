import { describe, expect, it } from "vitest";
import { devicesOf, devicesSchema } from "../../src/config/devices.ts";

describe("the GPUs of replicas", () => {
  it("are all for each by default, or those of its place in the list, which begins again at its end", () => {
    expect(devicesOf("auto", 0)).toBeUndefined();
    const each = (text: string | number) => [0, 1, 2].map((replica) => devicesOf(text, replica));
    expect(each("0,1")).toEqual([["0"], ["1"], ["0"]]);
    expect(each("0+1,2+3")).toEqual([
      ["0", "1"],
      ["2", "3"],
      ["0", "1"],
    ]);
    expect(each(3)).toEqual([["3"], ["3"], ["3"]]);
  });

  it.each(["", "0,", "a", "0 1", "-1", "0;1", "1e3", "0,,1"])("are no list in %j", (text) => {
    expect(devicesSchema.safeParse(text).success).toBe(false);
  });
});
