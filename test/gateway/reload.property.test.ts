import fc from "fast-check";
import { pino } from "pino";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Config, configSchema } from "../../src/config/schema.ts";
import { createGateway, type Gateway } from "../../src/gateway/gateway.ts";
import { json, type MockUpstream, mockUpstream } from "../fixtures/mock-upstream.ts";

const logger = pino({ level: "silent" });
const mocks: MockUpstream[] = [];

/** Two servers with the models m1 and m2, whose answers name the server, the model and the length that was asked for. */
beforeAll(async () => {
  for (const name of ["first", "second"]) {
    mocks.push(
      await mockUpstream((response, { method, body }) => {
        if (method === "GET") return json(response, 200, { object: "list", data: [{ id: "m1" }, { id: "m2" }] });
        const { model, max_tokens: length } = Object(body);
        const message = { role: "assistant", content: `${name} ${model} ${length}` };
        json(response, 200, {
          ...{ id: "1", object: "chat.completion", created: 1, model },
          choices: [{ index: 0, message, finish_reason: "stop" }],
          usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
        });
      }),
    );
  }
});
afterAll(() => Promise.all(mocks.map(({ close }) => close())));

const NAMES = ["m1", "m2", "own", "all/m1", "alias", "other", "route", "nobody"] as const;
const LIVE = new Set(["upstreams", "aliases", "routes", "unknownModel", "maxTokens", "maxPending", "slots"]);

type Wanted = Readonly<Record<string, unknown>> & { readonly upstreams: readonly { readonly server: number }[] };

const upstream = (name: string, models: fc.Arbitrary<unknown>) =>
  fc.record({ name: fc.constant(name), server: fc.nat(1), models, maxConcurrent: fc.constantFrom(4, 8) });
const target = fc.constantFrom("m1", "m2", "own", "all/m1", "gone");

/** Most can be used; some name what isn't there. */
const wanted: fc.Arbitrary<Wanted> = fc.record({
  upstreams: fc
    .tuple(
      fc.option(upstream("named", fc.constantFrom(["m1"], ["m1", "m2"], { own: "m2" }))),
      fc.option(upstream("other", fc.constantFrom(["m2"], { own: "m1" }))),
      fc.option(upstream("all", fc.constant("all"))),
    )
    .map((each) => each.filter((some) => some !== null)),
  aliases: fc.uniqueArray(fc.constantFrom("alias=m1", "alias=own", "other=all/m1", "alias=m2"), {
    maxLength: 2,
    selector: (text) => text.split("=")[0],
  }),
  routes: fc
    .option(fc.uniqueArray(target, { minLength: 1, maxLength: 3 }), { freq: 2 })
    .map((targets) => (targets === null ? [] : [{ name: "route", targets }])),
  unknownModel: fc.constantFrom("refuse", "default"),
  maxTokens: fc.constantFrom([], ["64"], ["32", "m1=16"]),
  maxPending: fc.constantFrom(128, 256),
  slots: fc.constantFrom(2, 4),
  cacheTtlSeconds: fc.constantFrom(60, 3600),
  maxBodyBytes: fc.constantFrom(1_000_000, 2_000_000),
});

function configOf({ upstreams, ...others }: Wanted): Config {
  return configSchema.parse({
    ...{ model: [], stateFile: ":memory:", listPresets: false, warmPresets: false, ...others },
    upstreams: upstreams.map(({ server, ...group }) => ({ ...group, baseUrl: mocks[server]?.url })),
  });
}

async function start(first: Wanted, later: Wanted = first): Promise<Gateway> {
  const readAgain = async () => ({ config: configOf(later), models: [] });
  const gateway = await createGateway({ config: configOf(first), models: [], logger, readAgain });
  await gateway.start();
  return gateway;
}

/** What clients see: the models, and who answers by each name. */
async function observe({ app }: Gateway): Promise<unknown> {
  const listed = Object(await (await app.request("/v1/models")).json());
  const answers = await Promise.all(
    NAMES.map(async (model) => {
      const response = await app.request("/v1/chat/completions", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model, messages: [{ role: "user", content: "Hi" }] }),
      });
      const answer = Object(await response.json());
      return [model, response.status, answer.choices?.[0].message.content ?? answer.error.message];
    }),
  );
  return { ids: listed.data.map(({ id }: { id: string }) => id).sort(), answers };
}

const problemOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );

it("makes a gateway serve as one that was started with the new settings, or says what needs a restart, or refuses what a start refuses", async () => {
  await fc.assert(
    fc.asyncProperty(wanted, wanted, async (first, later) => {
      let gateway: Gateway;
      try {
        gateway = await start(first, later);
      } catch {
        return;
      }
      try {
        const before = await observe(gateway);
        let fresh: Gateway | undefined;
        const problem = await problemOf(start(later).then((started) => (fresh = started)));
        if (fresh === undefined) {
          expect(await problemOf(gateway.reload?.() ?? Promise.resolve())).toBe(problem);
          expect(await observe(gateway)).toEqual(before);
          return;
        }
        try {
          const report = await gateway.reload?.();
          expect(await observe(gateway)).toEqual(await observe(fresh));
          const [old, read] = [configOf(first), configOf(later)];
          const differing = Object.keys(later).filter(
            (key) => JSON.stringify(old[key as keyof Config]) !== JSON.stringify(read[key as keyof Config]),
          );
          expect(report?.waiting.map(({ setting }) => setting).sort()).toEqual(
            differing.filter((key) => !LIVE.has(key)).sort(),
          );
          expect(report?.upstreams.added).toEqual(
            read.upstreams.map(({ name }) => name).filter((name) => !old.upstreams.some((each) => each.name === name)),
          );
        } finally {
          await fresh.stop();
        }
      } finally {
        await gateway.stop();
      }
    }),
    { numRuns: 60 },
  );
});
