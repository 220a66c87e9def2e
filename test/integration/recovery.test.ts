import { describe, expect, test } from "vitest";
import { complete, enginePid, events, post, streamedText, textOf, user } from "./client.ts";

const SUBJECTS = ["a fox", "the sea", "an old clock", "two brothers"];

function ask(subject: string, maxTokens: number) {
  return { temperature: 0, messages: user(`Tell me a story about ${subject}.`), max_tokens: maxTokens };
}

describe("several clients at once", () => {
  // Four slots decode together, and a slot may hold another request's prompt. docs/decisions/007-exactness.md says why the greedy text of
  // this model (Q4_1) is nevertheless the same, bit for bit.
  test("each get the greedy text that they would get alone, 16 clients on 4 slots", async () => {
    const bodies = Array.from({ length: 16 }, (_, index) => ask(`${SUBJECTS[index % 4]} and the number ${index}`, 24));
    const alone: string[] = [];
    for (const body of bodies) alone.push(await streamedText(body));
    const together = await Promise.all(bodies.map((body) => streamedText(body)));
    expect(together).toEqual(alone);
    expect(new Set(alone).size).toBeGreaterThan(8);
  });
});

describe("a seed", () => {
  test("gives the same text far into the context, alone and beside others", async () => {
    const opening = "The old captain looked over the grey water and thought about the harbour. ".repeat(18);
    const ask = (seed: number) => ({ messages: user(`${opening}Go on.`), max_tokens: 50, temperature: 1, seed });
    const alone = [await streamedText(ask(1)), await streamedText(ask(2))];
    const beside = await Promise.all([streamedText(ask(1)), streamedText(ask(2)), streamedText(ask(3))]);
    expect(beside.slice(0, 2)).toEqual(alone);
    expect([await streamedText(ask(1)), await streamedText(ask(2))]).toEqual(alone);
  });
});

describe("several choices", () => {
  test.each([1, 6, 18])(
    "are, bit for bit, what requests with the seeds that follow get alone: %s sentences",
    async (count) => {
      const opening = "The keeper lit the lamp and counted the ships that came home. ".repeat(count);
      const body = { messages: user(`${opening}Go on.`), max_tokens: 24, temperature: 1 };
      const { choices } = await complete({ ...body, seed: 40, n: 4 });
      const alone: string[] = [];
      for (const seed of [40, 41, 42, 43]) alone.push(await streamedText({ ...body, seed }));
      expect(choices.map(({ message }) => message.content)).toEqual(alone);
    },
  );
});

describe("an engine that is killed", () => {
  test("is replaced, and four greedy streams continue with the text of an undisturbed run", async () => {
    const bodies = SUBJECTS.map((subject) => ask(subject, 48));
    const undisturbed = await Promise.all(bodies.map((body) => streamedText(body)));

    const pid = await enginePid();
    const halfway = bodies.map(() => Promise.withResolvers<void>());
    const streams = bodies.map(async (body, index) => {
      let text = "";
      let seen = 0;
      for await (const event of events(await post({ ...body, stream: true }))) {
        text += textOf(event);
        if (++seen === 20) halfway[index]?.resolve();
      }
      return text;
    });
    await Promise.all(halfway.map(({ promise }) => promise));
    process.kill(pid, "SIGKILL");

    expect(await Promise.all(streams)).toEqual(undisturbed);
    expect(await enginePid()).not.toBe(pid);
  });

  test("is replaced unnoticed during an answer without a stream, and during one with a seed", async () => {
    const body = { messages: user("Tell me a story about a lighthouse."), max_tokens: 40, temperature: 1, seed: 11 };
    const undisturbed = await complete(body);
    const pid = await enginePid();
    const stream = events(await post({ ...ask("a storm", 60), stream: true }));
    const disturbed = complete(body);
    for (let seen = 0; seen < 10; seen++) await stream.next();
    process.kill(pid, "SIGKILL");
    expect((await disturbed).choices[0]?.message.content).toBe(undisturbed.choices[0]?.message.content);
    for await (const event of stream) textOf(event);
  });
});
