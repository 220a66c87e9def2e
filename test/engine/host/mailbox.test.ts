import fc from "fast-check";
import { expect, test } from "vitest";
import { createMailbox } from "../../../src/engine/host/mailbox.ts";

test("events come out in order, with the text that piled up joined", () => {
  const mailbox = createMailbox();
  mailbox.started(10, 4);
  mailbox.text(0, "one ");
  mailbox.text(0, "two ");
  expect(mailbox.unreadChars).toBe(8);
  expect(mailbox.take()).toEqual({ type: "started", promptTokens: 10, cachedTokens: 4 });
  expect(mailbox.take()).toEqual({ type: "text", choice: 0, text: "one two " });
  mailbox.text(0, "three");
  mailbox.finished(0, "stop", 4, "END");
  expect(mailbox.take()).toEqual({ type: "text", choice: 0, text: "three" });
  const end = { type: "finished", choice: 0, reason: "stop", completionTokens: 4, stopString: "END" };
  expect(mailbox.take()).toEqual(end);
  expect(mailbox.take()).toBeUndefined();
  expect(mailbox.unreadChars).toBe(0);
});

test("a reader that takes nothing costs one text per choice, however the steps interleave", () => {
  const mailbox = createMailbox();
  for (let step = 0; step < 1_000; step += 1) for (const choice of [0, 1, 2]) mailbox.text(choice, "x");
  const taken = [mailbox.take(), mailbox.take(), mailbox.take(), mailbox.take()];
  expect(taken.map((event) => (event?.type === "text" ? event.text.length : undefined))).toEqual([
    1_000,
    1_000,
    1_000,
    undefined,
  ]);
});

test("log-probabilities stay with their text, and count as unread", () => {
  const mailbox = createMailbox();
  const one = { token: 1, bytes: [97], logprob: -1, top: [] };
  const two = { token: 2, bytes: [98], logprob: -2, top: [{ token: 1, bytes: [97], logprob: -1 }] };
  mailbox.text(0, "a", [one]);
  const small = mailbox.unreadChars;
  mailbox.text(0, "b");
  mailbox.text(0, "", [two]);
  expect(small).toBeGreaterThan(1);
  expect(mailbox.unreadChars).toBeGreaterThan(2 * small);
  expect(mailbox.take()).toEqual({ type: "text", choice: 0, text: "ab", logprobs: [one, two] });
  expect(mailbox.unreadChars).toBe(0);
});

test("after a clear only later text is returned", () => {
  const mailbox = createMailbox();
  mailbox.text(0, "old");
  mailbox.clear();
  expect(mailbox.unreadChars).toBe(0);
  mailbox.text(0, "new");
  expect(mailbox.take()).toEqual({ type: "text", choice: 0, text: "new" });
});

test("property: whenever the reader looks, each choice's text is whole, in order and before its end", () => {
  const action = fc.oneof(
    { weight: 3, arbitrary: fc.record({ choice: fc.nat(3), text: fc.string({ minLength: 1, maxLength: 5 }) }) },
    { weight: 1, arbitrary: fc.constant("take" as const) },
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const mailbox = createMailbox();
      const put = ["", "", "", ""];
      const got = ["", "", "", ""];
      const ended = new Set<number>();
      function take(): boolean {
        const event = mailbox.take();
        if (event?.type === "text") {
          expect(ended.has(event.choice)).toBe(false);
          got[event.choice] += event.text;
        }
        if (event?.type === "finished") ended.add(event.choice);
        return event !== undefined;
      }
      for (const each of actions) {
        if (each === "take") {
          take();
        } else {
          mailbox.text(each.choice, each.text);
          put[each.choice] += each.text;
        }
      }
      for (let choice = 0; choice < 4; choice += 1) mailbox.finished(choice, "stop", 1);
      while (take());
      expect(got).toEqual(put);
      expect(ended.size).toBe(4);
      expect(mailbox.unreadChars).toBe(0);
    }),
  );
});
