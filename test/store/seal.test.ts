import { describe, expect, it } from "vitest";
import { createDatabase } from "../../src/store/database.ts";
import { createSeal } from "../../src/store/seal.ts";
import { openState, temporaryFolder } from "./support.ts";

describe("a sealed text", () => {
  it("is opened only by the same state, also after a restart", () => {
    using folder = temporaryFolder();
    const first = openState({ file: folder.file });
    const sealed = first.seal.seal("Ann likes the sea. 🌊");
    first.close();

    const second = openState({ file: folder.file });
    expect(second.seal.unseal(sealed)).toBe("Ann likes the sea. 🌊");
    second.close();
    expect(openState().seal.unseal(sealed)).toBeUndefined();
  });

  it("reveals nothing of its text, and is never the same twice", () => {
    const { seal } = openState().seal;
    const [once, again] = [seal("Ann"), seal("Ann")];
    expect(once).toMatch(/^sluice1\.[\w-]+$/);
    expect(Buffer.from(once.slice("sluice1.".length), "base64url").toString("latin1")).not.toContain("Ann");
    expect(again).not.toBe(once);
  });

  it("isn't opened if any of it was changed", () => {
    const { seal, unseal } = openState().seal;
    // With these two letters there are 30 bytes, so that every bit of base64 counts.
    const sealed = seal("An");
    for (let index = 0; index < sealed.length; index++) {
      const other = sealed[index] === "Z" ? "a" : "Z";
      expect(unseal(sealed.slice(0, index) + other + sealed.slice(index + 1))).toBeUndefined();
    }
    expect(["", "sluice1.", "gAAAAABo", sealed.slice(0, -4)].map(unseal)).toEqual(Array(4).fill(undefined));
  });

  it("is opened only for the tenant for which it was sealed", () => {
    using folder = temporaryFolder();
    const database = createDatabase(folder.file, () => {});
    const sealed = createSeal(database, "ann").seal("mine");
    expect(createSeal(database, "ann").unseal(sealed)).toBe("mine");
    expect(createSeal(database, "bob").unseal(sealed)).toBeUndefined();
    database.close();
  });
});
