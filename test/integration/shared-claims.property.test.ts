import { Readable } from "node:stream";
import fc from "fast-check";
import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { createSharedBatches, createSharedQueue } from "../../src/jobs/batches.ts";
import { createBlockIndex } from "../../src/jobs/block-index.ts";
import { type Block, createClaims } from "../../src/jobs/claims.ts";
import { createSharedBytes } from "../../src/jobs/file-bytes.ts";
import { createFileRows } from "../../src/jobs/file-rows.ts";
import { createSharedStore } from "../../src/jobs/store.ts";
import { createLink } from "../../src/redis/link.ts";
import { withRedis } from "../fixtures/redis-client.ts";
import { redisOfTests } from "../fixtures/redis-server.ts";

const redis = redisOfTests();
const logger = pino({ level: "silent" });
const TENANT = "t";
const BOUNDS = { maxBytes: 1e9, maxFiles: 100_000 };
const PROGRESS = { to: "in_progress", moment: "in_progress_ms", atMs: 0 } as const;

/** What a gateway does with its part of a batch. */
type Step =
  | { readonly type: "claim" | "lapse" | "leave"; readonly gateway: number }
  /** Results of some of the lines that it has taken, sent once or twice: its connection may have failed in between. */
  | { readonly type: "commit"; readonly gateway: number; readonly lines: number; readonly isTwice: boolean };

const gateway = fc.nat(2);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constantFrom("claim" as const, "lapse" as const, "leave" as const), gateway }),
  fc.record({
    type: fc.constant("commit" as const),
    gateway,
    lines: fc.integer({ min: 1, max: 12 }),
    isTwice: fc.boolean(),
  }),
);

describe("the lines of a batch that gateways share", () => {
  test("have one result each, whoever takes them, loses them and sends them again", async () => {
    const link = createLink({ url: redis().url, timeoutMs: 5_000, logger, meanwhile: "" });
    await link.open();
    const store = createSharedStore(link, logger);
    const queue = createSharedQueue({ store, knowsKey: () => true, now: Date.now });
    const bytes = createSharedBytes({ store, maxTenantBytes: 1e9, maxAllBytes: 1e9, now: Date.now });
    let batches = 0;

    /** Adds a batch whose lines are numbered from 0. */
    async function add(
      total: number,
    ): Promise<{ readonly id: string; readonly output: string; readonly error: string }> {
      batches += 1;
      const [id, input, output, error] = ["batch", "in", "out", "err"].map((name) => `${name}-${batches}`) as [
        string,
        string,
        string,
        string,
      ];
      const text = Array.from({ length: total }, (_, n) => `${"x".repeat(n % 5)}${n}\n`);
      await bytes.receive(
        input,
        (async function* () {
          yield Buffer.from(text.join(""));
        })(),
        TENANT,
      );
      const file = { id: input, createdMs: 0, expiresMs: null, bytes: 0, filename: "in", purpose: "batch" };
      await createFileRows({ store, tenant: TENANT, now: Date.now }).add(file, BOUNDS);
      await createSharedBatches(store, TENANT).add({
        ...{ id, kind: "openai", keyId: null, createdMs: 0, endsMs: 1, status: "validating", endpoint: "/" },
        ...{ inputFile: input, outputFile: output, errorFile: error, body: "{}", progress: null },
      });
      const index = createBlockIndex();
      let offset = 0;
      for (const [line, part] of text.entries()) {
        index.note({ line, offset });
        offset += part.length;
      }
      await createClaims(store, { id, tenant: TENANT }, "first").putIndex(index.index());
      await queue.change(id, ["validating"], { ...PROGRESS, progress: JSON.stringify({ total }) });
      return { id, output, error };
    }

    async function textOf(id: string): Promise<string> {
      let text = "";
      for await (const piece of (await bytes.read(id)) ?? []) text += piece;
      return text;
    }

    try {
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 60 }), fc.array(step, { maxLength: 40 }), async (total, steps) => {
          const { id, output, error } = await add(total);
          const gateways = [0, 1, 2].map((n) => ({
            claims: createClaims(store, { id, tenant: TENANT }, `gateway-${n}`),
            lines: [] as number[],
          }));
          const take = (lines: number[], block: Block | undefined) => lines.push(...(block?.open ?? []));
          const entryOf = (line: number) => {
            const isError = line % 7 === 3;
            const usage = { input: 1, cached: 0, output: 2, reasoning: 0, cost: 0.25 };
            return { line, isError, fate: isError ? "failed" : "completed", text: `line ${line}`, usage } as const;
          };
          for (const { type, gateway: n, ...rest } of steps) {
            const at = gateways[n];
            if (at === undefined) throw new Error("There are three.");
            const { claims, lines } = at;
            if (type === "claim") take(lines, await claims.claim());
            // It goes on with what it has, and others take it too.
            if (type === "leave") await claims.leave();
            if (type === "lapse") await withRedis(redis().url, (client) => lapse(client, id));
            if (type !== "commit" || !("lines" in rest)) continue;
            const entries = lines.splice(0, rest.lines).map(entryOf);
            if (entries.length === 0) continue;
            await claims.commit(entries);
            if (rest.isTwice) await claims.commit(entries);
          }
          // Those that left have nothing any more; one more does the rest.
          await withRedis(redis().url, (client) => lapse(client, id));
          const last = createClaims(store, { id, tenant: TENANT }, "last");
          for (;;) {
            const block = await last.claim();
            if (block === undefined) break;
            const lines: number[] = [];
            take(lines, block);
            await last.commit(lines.map(entryOf));
          }
          const all = Array.from({ length: total }, (_, line) => line);
          const isError = (line: number) => line % 7 === 3;
          const expected = (lines: readonly number[]) => lines.map((line) => `line ${line}`).toSorted();
          const written = async (file: string) =>
            (await textOf(file))
              .split("\n")
              .filter((line) => line !== "")
              .toSorted();
          expect(await written(output)).toEqual(expected(all.filter((line) => !isError(line))));
          expect(await written(error)).toEqual(expected(all.filter(isError)));
          const { record } = (await queue.find(id)) ?? {};
          expect(JSON.parse(record?.progress ?? "")).toMatchObject({
            counts: { completed: all.filter((line) => !isError(line)).length, failed: all.filter(isError).length },
            usage: { input: total, output: 2 * total, cost: total / 4 },
          });
        }),
        { numRuns: 40 },
      );
    } finally {
      link.close();
    }
  });
});

test("a batch is left alone whose key is not known, until it makes no more requests", async () => {
  const link = createLink({ url: redis().url, timeoutMs: 5_000, logger, meanwhile: "" });
  await link.open();
  try {
    const store = createSharedStore(link, logger);
    const bytes = createSharedBytes({ store, maxTenantBytes: 1e9, maxAllBytes: 1e9, now: Date.now });
    const batches = createSharedBatches(store, TENANT);
    await bytes.receive("in", Readable.from([Buffer.from("x\n")]), TENANT);
    const file = { id: "in", createdMs: 0, expiresMs: null, bytes: 0, filename: "in", purpose: "batch" };
    await createFileRows({ store, tenant: TENANT, now: Date.now }).add(file, BOUNDS);
    for (const [id, keyId] of [
      ["a", "known"],
      ["b", "unknown"],
      ["c", "unknown"],
      ["d", null],
    ] as const) {
      await batches.add({
        ...{ id, kind: "openai", keyId, createdMs: 0, endsMs: 100, status: "validating", endpoint: "/" },
        ...{ inputFile: "in", outputFile: `out-${id}`, errorFile: `err-${id}`, body: "{}", progress: null },
      });
    }
    await batches.cancel("c", 1);
    const idsAt = async (nowMs: number) => {
      const queue = createSharedQueue({ store, knowsKey: (key) => key === "known", now: () => nowMs });
      return (await queue.unfinished()).map(({ id }) => id);
    };
    expect(await idsAt(99)).toEqual(["a", "c", "d"]);
    expect(await idsAt(100)).toEqual(["a", "b", "c", "d"]);
  } finally {
    link.close();
  }
});

type Client = Parameters<Parameters<typeof withRedis>[1]>[0];

/** As if so much time had gone by that all leases have run out. */
async function lapse(client: Client, id: string): Promise<void> {
  const name = `sluice:jobs:1:leases:${id}`;
  for (const block of await client.zRange(name, 0, -1))
    await client.zAdd(name, { score: 0, value: block }, { condition: "XX" });
}
