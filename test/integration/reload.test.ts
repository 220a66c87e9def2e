import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { events, textOf } from "./client.ts";
import { endAll, isAlive, runSluice, type SluiceProcess } from "./sluice-process.ts";

const SMALL = "smollm2-135m-instruct";

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-reload-"));
  file = join(folder, "sluice.yaml");
  // The same model under another name.
  await symlink(resolve(inject("modelPath")), join(folder, "second.gguf"));
});
afterEach(async () => {
  await endAll();
  await rm(folder, { recursive: true, force: true });
});

/** As editors do: another file takes the old one's place. */
async function replace(text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

async function start(text: string, ...flags: string[]) {
  await replace(text);
  const sluice = runSluice("--config", file, "--state-file", ":memory:", "--context", "512", ...flags);
  return { sluice, url: await sluice.ready };
}

const chat = (url: string, model: string, more: object = {}) =>
  fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Say hi" }], max_tokens: 4, ...more }),
  });

const statusOf = async (url: string, model: string) => {
  const response = await chat(url, model);
  await response.text();
  return response.status;
};

async function reload(url: string) {
  const response = await fetch(`${url}/admin/reload`, { method: "POST" });
  return { status: response.status, body: Object(await response.json()) };
}

/** The engines of a gateway that run now. */
function enginesOf({ pid }: SluiceProcess): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => {
      try {
        return Number(readFileSync(`/proc/${child}/stat`, "latin1").split(") ")[1]?.split(" ")[1]) === pid;
      } catch {
        return false;
      }
    })
    .filter(isAlive);
}

test("SIGHUP and a replaced file are taken over, a stream in progress goes on, and a broken file changes nothing", async () => {
  const { sluice, url } = await start(`model: ${SMALL}\n`, "--watch-settings");
  // The same token again and again, which never ends the answer.
  const response = await chat(url, SMALL, { max_tokens: 200, stream: true, logit_bias: { "905": 100 } });
  const stream = events(response);
  await stream.next();

  await replace(`model: ${SMALL}\naliases: {first: ${SMALL}}\nmaxPending: 99\n`);
  await sluice.says('"aliases":{"added":["first"]');
  expect(await statusOf(url, "first")).toBe(200);

  await replace(`model: ${SMALL}\naliases: {second: ${SMALL}}\nport: 1\nmaxPending: 99\n`);
  sluice.kill("SIGHUP");
  await sluice.says('"aliases":{"added":["second"]');
  expect([await statusOf(url, "first"), await statusOf(url, "second")]).toEqual([404, 200]);

  await replace(`model: ${SMALL}\naliases: {third: nobody}\n`);
  await sluice.says("The alias 'third' refers to 'nobody'");
  await replace("model: [\n");
  expect(await reload(url)).toMatchObject({
    status: 422,
    body: {
      error: { code: "invalid_settings", message: expect.stringMatching(/sluice\.yaml:\d+:\d+: not valid YAML/) },
    },
  });
  await replace("model: gemma-3-1b\nsluts: 4\n");
  expect((await reload(url)).body.error.message).toMatch(/sluice\.yaml:2: sluts: no setting has this name/);
  expect(await statusOf(url, "second")).toBe(200);

  let text = "";
  for await (const event of stream) text += event === "[DONE]" ? "!" : textOf(event);
  expect(text).toMatch(/!$/);
  expect(text.length).toBeGreaterThan(200);
  sluice.kill("SIGTERM");
  expect(await sluice.ended).toEqual({ code: 0, signal: null });
});

test("models are added and removed, and a removed one finishes its answer before its engine ends", async () => {
  const both = `model: [${SMALL}, ${join(folder, "second.gguf")}]\n`;
  const { sluice, url } = await start(`model: ${SMALL}\n`, "--port", "0");
  const [first] = enginesOf(sluice);
  await replace(both);
  expect((await reload(url)).body).toMatchObject({ changed: true, models: { added: ["second"], removed: [] } });
  const stream = events(await chat(url, "second", { max_tokens: 100, stream: true, logit_bias: { "905": 100 } }));
  await stream.next();
  expect(enginesOf(sluice)).toHaveLength(2);

  await replace(`model: ${SMALL}\nslots: 2\n`);
  const { body } = await reload(url);
  expect(body).toMatchObject({
    models: { added: [], removed: ["second"] },
    needs_restart: [{ setting: "slots", model: SMALL }],
  });
  expect(await statusOf(url, "second")).toBe(404);
  let last: string | undefined;
  for await (const event of stream) last = event;
  expect(last).toBe("[DONE]");
  await expect.poll(() => enginesOf(sluice), { timeout: 20_000 }).toEqual([first]);
  sluice.kill("SIGTERM");
  await sluice.ended;
});

test("fifty reloads under load drop no request and leave no process", async () => {
  const { sluice, url } = await start(`model: ${SMALL}\n`);
  let isOver = false;
  const statuses: number[] = [];
  let answered = Promise.withResolvers<void>();
  const clients = Array.from({ length: 3 }, async () => {
    while (!isOver) {
      statuses.push(await statusOf(url, SMALL));
      answered.resolve();
      answered = Promise.withResolvers();
    }
  });
  for (let round = 1; round <= 50; round++) {
    const models = round % 10 === 5 ? `[${SMALL}, ${join(folder, "second.gguf")}]` : SMALL;
    await replace(`model: ${models}\naliases: {round${round}: ${SMALL}}\nmaxPending: ${100 + round}\n`);
    const { status, body } = await reload(url);
    expect([status, body.aliases.added]).toEqual([200, [`round${round}`]]);
    // However slow the machine is, some requests end between reloads, and others go on through many.
    if (round % 5 === 0) await answered.promise;
  }
  isOver = true;
  await Promise.all(clients);
  expect(statuses.length).toBeGreaterThan(10);
  expect(new Set(statuses)).toEqual(new Set([200]));
  await expect.poll(() => enginesOf(sluice).length, { timeout: 20_000 }).toBe(1);
  sluice.kill("SIGTERM");
  expect(await sluice.ended).toEqual({ code: 0, signal: null });
});
