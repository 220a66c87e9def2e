import { describe, expect, it } from "vitest";
import type { Message } from "../../../../src/generation/request.ts";
import {
  createPrefixDoctor,
  type Patient,
  type PrefixDoctor,
} from "../../../../src/telemetry/requests/prefix/doctor.ts";
import type { PrefixReport } from "../../../../src/telemetry/requests/prefix/report.ts";
import { tellPrefix } from "../../../../src/telemetry/requests/words.ts";

let patients = 0;

/** A request with these messages, each character of which is a token. */
function patient(messages: readonly Message[], own: Partial<Patient> = {}): Patient {
  patients += 1;
  return {
    ...{ id: `req_${patients}`, model: "m", session: undefined, preset: undefined, tenant: "local", tools: [] },
    prompt: { type: "chat", messages },
    promptTokens: messages.reduce((sum, { content }) => sum + content.length, 0),
    ...{ cachedTokens: 0, msPerToken: 2, turns: patients },
    times: { turnMs: 100 * patients, firstMs: 100 * patients + 50, endMs: 100 * patients + 90 },
    ...own,
  };
}

const examine = (doctor: PrefixDoctor, one: Patient) =>
  new Promise<PrefixReport>((resolve) => {
    doctor.examine(one, resolve);
  });

const open = (options: Partial<Parameters<typeof createPrefixDoctor>[0]> = {}) =>
  createPrefixDoctor({ wasAway: () => false, ...options });

const RULES = Array.from({ length: 40 }, (_, at) => `Rule ${at}: be kind to everybody who asks.`).join("\n");
const system = (second: string): Message => ({ role: "system", content: `You are a helper.\n${second}\n${RULES}` });
const user = (content: string): Message => ({ role: "user", content });

describe("the prefix doctor", () => {
  it("finds the time of day in the second line of the system text, and what it cost", async () => {
    const doctor = open();
    const before = patient([system("It is 09:41."), user("Hello!")]);
    expect(await examine(doctor, before)).toEqual({ type: "new" });
    const report = await examine(doctor, patient([system("It is 09:42."), user("And now?")], { cachedTokens: 18 }));
    expect(report).toMatchObject({
      ...{ type: "differs", earlier: before.id },
      place: { role: "system", index: 0, line: 2 },
      difference: { type: "kind", word: "a time of day" },
    });
    expect(tellPrefix(report)).toMatch(
      /^A time of day in line 2 of the system text is not as it was in req_\d+\. 1,\d{3} tokens \(\d\.\d s\) after it are the same, and were evaluated again: put what changes behind them\.$/,
    );
    const { tokens, ms } = report.type === "differs" ? report : { tokens: 0, ms: 0 };
    expect(Math.abs(tokens / RULES.length - 1)).toBeLessThan(0.03);
    expect(ms).toBe(2 * tokens);
  });

  it("has nothing to say of a second turn that reuses the first one", async () => {
    const doctor = open();
    const first = [system("It is always now."), user("Hello!")];
    await examine(doctor, patient(first));
    const held = patient(first).promptTokens;
    const second = patient([...first, { role: "assistant", content: "Hi." }, user("More!")], { cachedTokens: held });
    expect(await examine(doctor, second)).toEqual({ type: "reused" });
  });

  it("tells that a prefix was not held, and why", async () => {
    const prompt = [system("It is always now."), user("Hello!")];
    for (const [options, own, since, sentence] of [
      [{}, { turns: 5 }, { type: "others", count: 3 }, "3 other requests took their place since then"],
      [{}, { turns: 2 }, { type: "others", count: 0 }, "they were not held any more"],
      [{ wasAway: () => true }, {}, { type: "loaded" }, "the model was loaded again since then"],
      [{}, { times: { turnMs: 30, firstMs: 200, endMs: 300 } }, { type: "unfinished" }, "that was not finished yet"],
    ] as const) {
      const doctor = open(options);
      await examine(doctor, patient(prompt, { turns: 1, times: { turnMs: 10, firstMs: 50, endMs: 90 } }));
      const report = await examine(doctor, patient(prompt, own));
      expect(report).toMatchObject({ type: "not_held", since });
      expect(tellPrefix(report)).toContain(sentence);
    }
  });

  it("compares with the requests of a model's own, and with no later ones", async () => {
    const doctor = open();
    const prompt = [system("It is always now."), user("Hello!")];
    await examine(doctor, patient(prompt, { model: "other" }));
    await examine(doctor, patient(prompt, { times: { turnMs: 9e9, firstMs: 9e9, endMs: 9e9 } }));
    expect(await examine(doctor, patient(prompt))).toEqual({ type: "new" });
  });

  it("finds the session's earlier prompt among many others", async () => {
    const doctor = open();
    const mine = patient([system("It is 09:41."), user("Hello!")], { session: "s" });
    await examine(doctor, mine);
    for (let other = 0; other < 40; other++) await examine(doctor, patient([user(`Question ${other}, and no more.`)]));
    const report = await examine(doctor, patient([system("It is 09:45."), user("Hello!")], { session: "s" }));
    expect(report).toMatchObject({ type: "differs", earlier: mine.id });
  });

  it("keeps a bounded amount, and says so if it has too much to do", async () => {
    const doctor = open({ maxBytes: 200_000 });
    const long = [user("A line that is said again and again.\n".repeat(2_000))];
    const reports: PrefixReport[] = [];
    for (let count = 0; count < 100; count++) doctor.examine(patient(long), (report) => void reports.push(report));
    await doctor.settled();
    expect(reports.length).toBe(100);
    expect(reports.filter(({ type }) => type === "unknown").length).toBe(35);
    expect(doctor.keptBytes()).toBeLessThanOrEqual(200_000);
  });

  it("lets others work while it looks at a long prompt", async () => {
    const doctor = open();
    const long = Array.from({ length: 8_000 }, (_, at) => `Line ${at} of a document at ${at % 24}:00 o'clock.`).join(
      "\n",
    );
    for (let count = 0; count < 6; count++) await examine(doctor, patient([user(long)]));
    let turns = 0;
    const work = examine(doctor, patient([user(`Other words first. ${long}`)]));
    const isDone = work.then(() => true);
    while (!(await Promise.race([isDone, new Promise((resolve) => setImmediate(resolve, false))]))) turns += 1;
    expect(turns).toBeGreaterThan(5);
  });
});
