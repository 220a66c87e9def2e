import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine/host/engine.ts";
import { InvalidSamplingError } from "../../src/generation/errors.ts";
import type { Grammar } from "../../src/generation/request.ts";
import { answer, greedyRequest, STORY, startEngine } from "./engine.ts";

const LIST = 'root ::= "[" item ("," item){2,6} "]"\nitem ::= "\\"" [a-z]{1,8} "\\"" | [0-9]{1,5}';
const isList = (text: string) => /^\[("[a-z]{1,8}"|[0-9]{1,5})(,("[a-z]{1,8}"|[0-9]{1,5})){2,6}\]$/.test(text);

describe("a grammar", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(() => engine.stop());

  const held = (grammar: Grammar, given: Parameters<typeof greedyRequest>[0] = {}) =>
    answer(engine, greedyRequest({ output: { type: "grammar", grammar }, maxTokens: 200, ...given }));

  test("constrains the answer, which ends where nothing more is allowed", async () => {
    const seeds = [1, 2, 3];
    const answers = await Promise.all(
      seeds.map((seed) => held({ gbnf: LIST }, { sampling: { temperature: 2, seed } })),
    );
    for (const { text, reason } of answers) {
      expect(reason).toBe("stop");
      expect(text).toSatisfy(isList);
    }
    expect(new Set(answers.map(({ text }) => text)).size).toBeGreaterThan(1);
  });

  test("ends the answer when it allows none of the remaining tokens", async () => {
    const { text, reason } = await held(
      { gbnf: 'root ::= "yes" [\\uE000]' },
      {
        sampling: { logitBias: Array.from({ length: 400 }, (_, token) => [token, -100] as const) },
      },
    );
    expect("yes".startsWith(text.slice(0, 3))).toBe(true);
    expect(reason).toBe("stop");
  });

  test.each([
    ["text that is no GBNF", "root ::= (((", "can't parse"],
    ["no start rule", 'main ::= "a"', "can't parse"],
    ["a rule that begins with itself", 'root ::= root "a" | "b"', "can't parse"],
    ["a repetition of nothing at all", "root ::= *", "can't parse"],
    ["groups without end", `root ::= ${"(".repeat(100_000)}`, "deep"],
    ["an unknown token's name", "root ::= <no-such-token>", "can't parse"],
    ["nothing", "", "can't parse"],
  ])("that can't be had is refused by name, and kills nobody: %s", async (_name, gbnf, reason) => {
    const { pid } = engine;
    const refused = held({ gbnf }).catch((error: unknown) => error);
    const error = await refused;
    expect(error).toBeInstanceOf(InvalidSamplingError);
    expect(error).toMatchObject({ field: "grammar", message: expect.stringContaining(reason) });
    expect(engine.pid).toBe(pid);
  });

  test("with triggers allows any text before the trigger, and constrains the text after it", async () => {
    const grammar = { gbnf: 'root ::= " (" [0-9]{3} ")"', triggers: [",", ".", "!", "?"] };
    const seeds = [1, 2, 3];
    const answers = await Promise.all(
      seeds.map((seed) => held(grammar, { prompt: STORY, sampling: { temperature: 1, seed } })),
    );
    for (const { text, reason } of answers) {
      expect(reason).toBe("stop");
      expect(text).toMatch(/^[^,.!?]+[,.!?] \(\d{3}\)$/);
    }
  });

  test("continues where it was when the engine dies", async () => {
    const request = { maxTokens: 120, sampling: { temperature: 1.5, seed: 9 } };
    const gbnf = 'root ::= ([0-9]{1,3} ", "){60} "end"';
    const undisturbed = await held({ gbnf }, request);
    const { pid } = engine;
    let killed = false;
    const grammarRequest = greedyRequest({ output: { type: "grammar", grammar: { gbnf } }, ...request });
    const disturbed = await answer(engine, grammarRequest, (text) => {
      if (killed || text.length < 60 || pid === undefined) return;
      killed = true;
      process.kill(pid, "SIGKILL");
    });
    expect(killed).toBe(true);
    expect(disturbed.text).toBe(undisturbed.text);
    expect(disturbed.text).toMatch(/^(\d{1,3}, )+\d*,?$|end$/);
  });
});
