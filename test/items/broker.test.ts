import { describe, expect, it } from "vitest";
import { type Outcome, TooLargeError, writeOutcome } from "../../src/items/broker.ts";

/** What a broker with a limit, in bytes, has of an item. */
async function write(text: string, outcome: Outcome, { limit, id = "one" }: { limit: number; id?: string }) {
  const taken: [to: string, message: Readonly<Record<string, unknown>>][] = [];
  const said: string[] = [];
  const written = await writeOutcome({ id, text, tries: 2 }, outcome, {
    async write(to, message) {
      if (Buffer.byteLength(JSON.stringify(message)) > limit) throw new TooLargeError();
      taken.push([to, message]);
    },
    more: { tries: 2 },
    say: (message) => void said.push(message),
  });
  return { taken, said, written };
}

const FAILURE = { type: "failure", message: "It is wrong." } as const;
const ANSWER = { type: "answer", key: "k", text: "x".repeat(2_000), target: undefined } as const;

describe("an outcome's message", () => {
  it("is written whole if the broker takes it", async () => {
    const letter = await write('"', FAILURE, { limit: 1_000 });
    expect(letter.taken).toEqual([["dead", { id: "one", input: '"', error: "It is wrong.", tries: 2 }]]);
    const result = await write("a", ANSWER, { limit: 3_000 });
    expect(result.taken).toEqual([["results", { id: "one", key: "k", output: ANSWER.text }]]);
    expect(result.written).toBe(ANSWER);
  });

  it("has its input cut, and says so, if it is a dead letter that is too large", async () => {
    const { taken, written, said } = await write('"'.repeat(800), FAILURE, { limit: 1_000 });
    const marks = { input_cut: true, input_length: 800, error: "It is wrong.", tries: 2 };
    expect(taken).toEqual([["dead", { id: "one", input: '"'.repeat(400), ...marks }]]);
    expect([written, said]).toEqual([FAILURE, []]);
  });

  it("isn't cut within a character", async () => {
    const { taken } = await write("😀".repeat(333), FAILURE, { limit: 1_000 });
    expect(taken[0]?.[1].input).toBe("😀".repeat(166));
  });

  it("becomes a dead letter if it is an answer that is too large", async () => {
    const { taken, written } = await write("a", ANSWER, { limit: 1_000 });
    const error = "Its answer of 2000 characters is larger than the broker takes.";
    expect(taken).toEqual([["dead", { id: "one", input: "a", error, tries: 2 }]]);
    expect(written).toEqual({ type: "failure", message: error });
  });

  it("is small even if the reason and the id are long", async () => {
    const failure = { type: "failure", message: "e".repeat(9_000) } as const;
    const { taken } = await write("a".repeat(9_000), failure, { limit: 500, id: "i".repeat(9_000) });
    expect(taken[0]?.[1]).toMatchObject({ id: "i".repeat(128), input: "", error: "e".repeat(128) });
  });

  it("is given up, and the log says so, if the smallest is too large", async () => {
    const { taken, said, written } = await write("a".repeat(9_000), FAILURE, { limit: 10 });
    expect([taken, written]).toEqual([[], FAILURE]);
    expect(said).toEqual(["the item one is given up, since the broker takes no dead letter of it: It is wrong."]);
  });

  it("is written again later if the broker is away", async () => {
    const away = new Error("away");
    const writing = writeOutcome({ id: "one", text: "a", tries: 1 }, FAILURE, {
      write: () => Promise.reject(away),
      say() {},
    });
    await expect(writing).rejects.toBe(away);
  });
});
