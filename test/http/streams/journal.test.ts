import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { JournalError } from "../../../src/generation/errors.ts";
import { requestAs } from "../../../src/http/arrival.ts";
import { createStreamsDoor, type JournalOptions } from "../../../src/http/streams/door.ts";
import { createJournals } from "../../../src/http/streams/journal.ts";
import type { StreamLimits } from "../../../src/http/streams/streams.ts";
import { createAccess } from "../../../src/keys/access.ts";
import { policySchema } from "../../../src/keys/key.ts";
import { issueKey } from "../../../src/keys/manage.ts";
import { fullDisk } from "../../../src/store/errors.ts";
import type { StreamStore } from "../../../src/store/streams.ts";
import { openStreamWriter } from "../../../src/store/streams-apart.ts";
import { openState, temporaryFolder } from "../../store/support.ts";
import { createTestApp, loopTurn, script, servedModel } from "../support.ts";
import { begin, numberOf, readEvents, STREAMED } from "./support.ts";

const LIMITS: StreamLimits = { resumeGraceMs: 60_000, resumeKeepMs: 60_000, resumeBytes: 1024 ** 2 };
const { chat } = STREAMED;
const OTHER = { name: "other", kind: "openai", gatewayId: () => undefined, isLocal: false };

/** An engine that notes what it says, and says again what was noted. */
const noting = (print = "print") =>
  script(async function* ({ journal }) {
    const earlier = journal?.begin(print) ?? [];
    yield { type: "started", promptTokens: 3, cachedTokens: 0 };
    for (const [index, text] of ["one", "two", "three"].entries()) {
      if (earlier[index] === undefined) journal?.note({ choice: 0, tokens: [index], text });
      yield { type: "text", choice: 0, text };
    }
    yield { type: "finished", choice: 0, reason: "stop", completionTokens: 4 };
  });

type Run = {
  readonly file: string;
  readonly pid?: number;
  readonly generate?: ReturnType<typeof script>;
  readonly limits?: Partial<StreamLimits>;
  readonly change?: (store: StreamStore) => JournalOptions["store"];
  readonly isUpstream?: boolean;
  readonly hasKeys?: boolean;
  readonly isAlive?: (pid: number) => boolean;
};

/** A gateway's process over a state file. */
function run({ file, pid = 1, generate = noting(), limits, change = (store) => store, ...given }: Run) {
  const { isUpstream = false, hasKeys = false, isAlive = () => false } = given;
  const state = openState({ file, pid, isAlive });
  const access = createAccess({ config: { keysFile: "", apiKey: "" }, state, logger: pino({ level: "silent" }) });
  state.streams.adopt(Date.now() + LIMITS.resumeKeepMs);
  const warnings: unknown[] = [];
  const logger = { warn: (...said: unknown[]) => void warnings.push(said) };
  const inner: JournalOptions["requestAs"] = (caller) => requestAs(app, caller);
  const streams = createStreamsDoor(
    { ...LIMITS, ...limits },
    { journal: { store: change(state.streams), logger, requestAs: inner } },
  );
  const model = servedModel(generate, isUpstream ? { upstream: OTHER } : {});
  const { app } = createTestApp({ models: [model], streams, state, ...(hasKeys && { access }) });
  return {
    request: (path: string, init?: RequestInit) => app.request(path, init),
    warnings,
    newKey: (name: string) =>
      issueKey(state.keys, { name, expiresMs: undefined, policy: policySchema.parse({}) }, Date.now()).secret,
    /** What the keys have used, as it is stored. */
    used() {
      access.flush();
      return state.usage.list({});
    },
    /** Ends in good order. */
    async end() {
      streams.suspend();
      await streams.settled();
      access.flush();
      await streams.close();
      state.close();
    },
  };
}

/** An engine that says one word and then nothing more. */
const stuck = script(async function* ({ journal, signal }) {
  journal?.begin("print");
  yield { type: "started", promptTokens: 3, cachedTokens: 0 };
  journal?.note({ choice: 0, started: { promptTokens: 3, cachedTokens: 0 }, tokens: [0], text: "one" });
  yield { type: "text", choice: 0, text: "one" };
  await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
});

/** Begins a stream, reads `count` events of it, and ends the gateway. */
async function beginAndEnd(given: Run, count = 2, headers: Readonly<Record<string, string>> = {}) {
  const gateway = run(given);
  const { response, id } = await begin(gateway.request, chat, headers);
  const { events } = await readEvents(response, count);
  await gateway.end();
  return { id, events, header: response.headers.get("sluice-resume"), warnings: gateway.warnings };
}

async function refusalOf(response: Response) {
  const { error } = (await response.json()) as { readonly error: { readonly code: string; readonly message: string } };
  return { status: response.status, ...error };
}

describe("a stream of an earlier process", () => {
  it("goes on for the key that began it only", async () => {
    using folder = temporaryFolder();
    const first = run({ file: folder.file, hasKeys: true });
    const [a, b] = [first.newKey("a"), first.newKey("b")];
    const { response, id } = await begin(first.request, chat, { authorization: `Bearer ${a}` });
    await readEvents(response, 2);
    await first.end();
    const second = run({ file: folder.file, pid: 2, hasKeys: true });
    const as = (secret: string) => ({ headers: { authorization: `Bearer ${secret}` } });
    expect((await second.request(`/v1/streams/${id}`, as(b))).status).toBe(404);
    const rest = await readEvents(await second.request(`/v1/streams/${id}?after=2`, as(a)));
    expect(rest.events.map(numberOf)).toEqual([3, 4, 5, 6]);
    await second.end();
  });

  it("is written without its client's secrets", async () => {
    using folder = temporaryFolder();
    const headers = { authorization: "Bearer sk-secret-one", "x-api-key": "sk-secret-two", cookie: "sk-secret-three" };
    await beginAndEnd({ file: folder.file }, 2, headers);
    expect(readFileSync(folder.file, "latin1")).not.toContain("sk-secret");
  });

  it("has one header that says so, and another without a journal", async () => {
    using folder = temporaryFolder();
    expect((await beginAndEnd({ file: folder.file })).header).toBe("grace=60, keep=60, journal");
    const { header } = await beginAndEnd({ file: folder.file, isUpstream: true });
    expect(header).toBe("grace=60, keep=60");
  });

  it("is refused with the reason if another server answered", async () => {
    using folder = temporaryFolder();
    const { id } = await beginAndEnd({ file: folder.file, isUpstream: true });
    const second = run({ file: folder.file, pid: 2 });
    expect(await refusalOf(await second.request(`/v1/streams/${id}`))).toMatchObject({
      ...{ status: 410, code: "stream_gone", message: expect.stringContaining("answered by another server") },
    });
    await second.end();
  });

  it("is refused with the reason if its model has changed", async () => {
    using folder = temporaryFolder();
    const { id } = await beginAndEnd({ file: folder.file });
    const second = run({ file: folder.file, pid: 2, generate: noting("another") });
    for (const path of [`/v1/streams/${id}`, `/v1/streams/${id}?after=1`]) {
      expect(await refusalOf(await second.request(path))).toMatchObject({
        ...{ status: 410, code: "stream_gone", message: new JournalError().message },
      });
    }
    await second.end();
  });

  it("is removed with DELETE", async () => {
    using folder = temporaryFolder();
    const { id } = await beginAndEnd({ file: folder.file });
    const second = run({ file: folder.file, pid: 2 });
    expect((await second.request(`/v1/streams/${id}`, { method: "DELETE" })).status).toBe(200);
    await second.end();
    const third = run({ file: folder.file, pid: 3 });
    expect((await third.request(`/v1/streams/${id}`)).status).toBe(404);
    await third.end();
  });

  it("is left alone while its process runs", async () => {
    using folder = temporaryFolder();
    const { id } = await beginAndEnd({ file: folder.file, pid: 1 });
    const second = run({ file: folder.file, pid: 2, isAlive: (pid) => pid === 1 });
    expect((await second.request(`/v1/streams/${id}`)).status).toBe(404);
    await second.end();
  });

  it("is refused with the reason if it was too long", async () => {
    using folder = temporaryFolder();
    const long = script(async function* ({ journal }) {
      journal?.begin("print");
      yield { type: "started", promptTokens: 3, cachedTokens: 0 };
      for (let index = 0; index < 40; index += 1) {
        journal?.note({ choice: 0, tokens: [index], text: "x".repeat(1_000) });
        yield { type: "text", choice: 0, text: "x".repeat(1_000) };
      }
      yield { type: "finished", choice: 0, reason: "stop", completionTokens: 41 };
    });
    const limits = { resumeBytes: 16_000 };
    const { id, events } = await beginAndEnd({ file: folder.file, generate: long, limits }, Number.POSITIVE_INFINITY);
    expect(events.at(-1)).toContain("[DONE]");
    const second = run({ file: folder.file, pid: 2 });
    expect(await refusalOf(await second.request(`/v1/streams/${id}`))).toMatchObject({
      ...{ status: 410, message: expect.stringContaining("longer than what is written down") },
    });
    await second.end();
  });
});

describe("a stream whose steps another thread writes", () => {
  const apart = (file: string, pid: number) => ({
    ...{ file, pid },
    change: (store: StreamStore) => ({ ...store, ...openStreamWriter(file, pid) }),
  });

  it("goes on in the next process from what its client has seen", async () => {
    using folder = temporaryFolder();
    const { id, events } = await beginAndEnd({ ...apart(folder.file, 1), generate: stuck });
    const second = run(apart(folder.file, 2));
    const rest = await readEvents(await second.request(`/v1/streams/${id}?after=${events.length}`));
    expect([...events, ...rest.events].map(numberOf)).toEqual([1, 2, 3, 4, 5, 6]);
    await second.end();
  });

  it("goes on unwritten if that thread can't write, the log says so, and the next process knows", async () => {
    using folder = temporaryFolder();
    const first = run(apart(folder.file, 1));
    // The thread waits for a quarter of a second and then gives up.
    const other = new DatabaseSync(folder.file);
    other.exec("BEGIN IMMEDIATE");
    const { response, id } = await begin(first.request, chat);
    const { events } = await readEvents(response);
    expect(events.map(numberOf)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(JSON.stringify(first.warnings)).toContain("could not be written down");
    other.exec("ROLLBACK");
    other.close();
    await first.end();
    const second = run(apart(folder.file, 2));
    expect(await refusalOf(await second.request(`/v1/streams/${id}`))).toMatchObject({
      ...{ status: 410, message: expect.stringContaining("could not be written") },
    });
    await second.end();
  });
});

describe("the usage of a key whose stream went on in another process", () => {
  it.each([
    ["was handed over while it ran", stuck],
    ["had ended", noting()],
  ])("counts its tokens once if it %s", async (_, generate) => {
    using folder = temporaryFolder();
    const first = run({ file: folder.file, hasKeys: true, generate });
    const headers = { authorization: `Bearer ${first.newKey("a")}` };
    const { response, id } = await begin(first.request, chat, headers);
    await readEvents(response, 2);
    await first.end();
    const second = run({ file: folder.file, pid: 2, hasKeys: true });
    await readEvents(await second.request(`/v1/streams/${id}`, { headers }));
    const sum = (of: "promptTokens" | "completionTokens") => second.used().reduce((all, each) => all + each[of], 0);
    expect([sum("promptTokens"), sum("completionTokens")]).toEqual([3, 4]);
    await second.end();
  });
});

describe("on a full disk", () => {
  it("a stream goes on unwritten, the log says so, and the next process knows", async () => {
    using folder = temporaryFolder();
    let isFull = true;
    const change = (store: StreamStore): StreamStore => ({
      ...store,
      write(changes) {
        if (isFull) throw fullDisk(folder.file);
        store.write(changes);
      },
    });
    const first = run({ file: folder.file, change });
    const { response, id } = await begin(first.request, chat);
    const { events } = await readEvents(response);
    expect(events.map(numberOf)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(first.warnings).toHaveLength(1);
    isFull = false;
    await first.end();
    const second = run({ file: folder.file, pid: 2 });
    expect(await refusalOf(await second.request(`/v1/streams/${id}`))).toMatchObject({
      ...{ status: 410, message: expect.stringContaining("could not be written") },
    });
    await second.end();
  });
});

describe("a journal whose store refuses every write", () => {
  const RECORD = { tenant: "", key: null, createdMs: 0, request: { path: "/", headers: {}, body: "" } };

  /** With a stream that its client can ask for, and one that has ended. */
  function refusing() {
    const warnings: unknown[] = [];
    let writes = 0;
    let ms = 0;
    const journals = createJournals({
      store: {
        find: () => undefined,
        async write() {
          writes += 1;
          await loopTurn();
          // It ends a loop that has no other end.
          if (writes <= 20) throw fullDisk("state.db");
        },
      },
      logger: { warn: (...said: unknown[]) => void warnings.push(said) },
      maxLength: 1024 ** 2,
      now() {
        ms += 1_000;
        return ms;
      },
    });
    const [kept, over] = ["kept", "over"].map((id) => journals.begin({ ...RECORD, id }));
    kept?.announce();
    kept?.begin("print");
    over?.begin("print");
    over?.end();
    return { journals, tried: () => ({ writes, warnings: warnings.length }) };
  }

  it.each([
    ["at its own write", 0],
    ["at the write that is under way", 1],
  ])("gives up its flush %s, and logs once", async (_, turns) => {
    const { journals, tried } = refusing();
    for (let turn = 0; turn < turns; turn += 1) await loopTurn();
    expect(tried().writes).toBe(turns);
    await journals.flush();
    expect(tried()).toEqual({ writes: 1, warnings: 1 });
    // Nor is what was planned meanwhile written.
    for (let turn = 0; turn < 5; turn += 1) await loopTurn();
    expect(tried()).toEqual({ writes: 1, warnings: 1 });
  });
});

describe("a gateway with a journal that is about to stop", () => {
  it("cuts readers off without an end, so that they come back to the next", async () => {
    using folder = temporaryFolder();
    const first = run({ file: folder.file, generate: stuck });
    const { response, id } = await begin(first.request, chat);
    const reading = readEvents(response);
    const another = await readEvents(await first.request(`/v1/streams/${id}`), 2);
    await first.end();
    const { isWhole, events } = await reading;
    expect(isWhole).toBe(false);
    expect(events).toEqual(another.events);
    const second = run({ file: folder.file, pid: 2 });
    const rest = await readEvents(await second.request(`/v1/streams/${id}?after=${events.length}`));
    expect([...events, ...rest.events].map(numberOf)).toEqual([1, 2, 3, 4, 5, 6]);
    await second.end();
  });
});
