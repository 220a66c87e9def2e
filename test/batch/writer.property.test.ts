import fc from "fast-check";
import { expect, it } from "vitest";
import { createWriter } from "../../src/batch/writer.ts";
import { createFakeClock } from "../fake-clock.ts";

it("a writer writes all that is added, at whatever moment it comes", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(6), { minLength: 1, maxLength: 30 }), fc.nat(3), async (pauses, turns) => {
      const written: number[] = [];
      const writer = createWriter({
        async write(entries) {
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
          written.push(...entries.map(({ line }) => line));
        },
        onChange() {},
        onPause() {},
        signal: new AbortController().signal,
        clock: createFakeClock(),
      });
      for (const [line, pause] of pauses.entries()) {
        for (let turn = 0; turn < pause; turn++) await Promise.resolve();
        writer.add({ line, fate: "completed", isError: false, text: "x" });
      }
      await writer.settled();
      expect(written).toEqual(pauses.map((_, line) => line));
      expect(writer.waiting).toBe(0);
      expect(writer.waitingBytes).toBe(0);
    }),
  );
});
