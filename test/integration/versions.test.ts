import { copyFile, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { z } from "zod";
import { events, textOf, user } from "./client.ts";
import { endAll, runSluice } from "./sluice-process.ts";

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-versions-"));
  file = join(folder, "sluice.yaml");
  await symlink(resolve(inject("modelPath")), join(folder, "talk.gguf"));
});
afterEach(async () => {
  await endAll();
  await rm(folder, { recursive: true, force: true });
});

const chatSchema = z.object({
  model: z.string(),
  choices: z.tuple([z.object({ message: z.object({ content: z.string() }) })]),
});
const versionsSchema = z.object({ versions: z.array(z.object({ role: z.string(), share: z.number().optional() })) });
const reloadSchema = z.object({ models: z.object({ changed: z.array(z.string()) }) });

async function post(url: string, path: string, body: object, session = ""): Promise<Response> {
  return fetch(`${url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(session !== "" && { "x-session-id": session }) },
    body: JSON.stringify(body),
  });
}

async function chat(url: string, session: string, question = "Say hi") {
  const response = await post(
    url,
    "/v1/chat/completions",
    { model: "talk", messages: user(question), max_tokens: 4, temperature: 0 },
    session,
  );
  const text = await response.text();
  if (response.status !== 200) throw new Error(text);
  return {
    ...chatSchema.parse(JSON.parse(text)),
    stored: /hit/.test(response.headers.get("cache-status") ?? ""),
  };
}

/** The same model in another file, which takes the name of the first one, as a download does. */
async function replaceFile(): Promise<void> {
  await copyFile(resolve(inject("modelPath")), join(folder, "next.gguf"));
  await rename(join(folder, "next.gguf"), join(folder, "talk.gguf"));
}

async function change(url: string, path: string): Promise<readonly string[]> {
  const { versions } = versionsSchema.parse(await (await post(url, `/admin/models/${path}`, { model: "talk" })).json());
  return versions.map(({ role, share }) => (share === undefined ? role : `${role} ${share}`));
}

test("a new version of a file is loaded beside the old one, gets its share, and is promoted, while no request fails", async () => {
  await writeFile(file, `model: ${join(folder, "talk.gguf")}\ncanary: 0.5\n`);
  const sluice = runSluice("--config", file, "--state-file", ":memory:", "--context", "512", "--slots", "2");
  const url = await sluice.ready;
  expect((await chat(url, "before")).stored).toBe(false);
  expect((await chat(url, "before")).stored).toBe(true);
  // The same token again and again, which never ends the answer: it runs over both changes.
  const long = await post(url, "/v1/chat/completions", {
    ...{ model: "talk", messages: user("Go"), max_tokens: 400, stream: true, logit_bias: { "905": 100 } },
  });
  const stream = events(long);
  await stream.next();

  await replaceFile();
  expect(reloadSchema.parse(await (await post(url, "/admin/reload", {})).json()).models.changed).toEqual(["talk"]);
  // While it loads, the old one answers.
  expect((await chat(url, "meanwhile")).model).toBe("talk");
  await sluice.says("its new version is loaded");
  const sessions = Array.from({ length: 12 }, (_, each) => `s${each}`);
  const first = new Map<string, string>();
  for (const session of sessions) first.set(session, (await chat(url, session)).model);
  expect(new Set(first.values())).toEqual(new Set(["talk", "talk@new"]));
  // A session stays with its version.
  for (const session of sessions) expect((await chat(url, session)).model).toBe(first.get(session));

  // The answers of one version are not those of the other.
  const question = "What is the sea?";
  const [ofOld = "", ofNew = ""] = ["talk", "talk@new"].map((name) =>
    sessions.find((each) => first.get(each) === name),
  );
  expect((await chat(url, ofOld, question)).stored).toBe(false);
  expect((await chat(url, ofNew, question)).stored).toBe(false);
  expect((await chat(url, ofOld, question)).stored).toBe(true);

  expect(await change(url, "promote")).toEqual(["stable 1", "former"]);
  expect((await chat(url, ofOld, question)).model).toBe("talk");
  let text = "";
  for await (const event of stream) text += textOf(event);
  expect(text.length).toBeGreaterThan(400);
});

test("a rollback loads the former file again and goes back to it, while no request fails", async () => {
  await writeFile(file, `model: ${join(folder, "talk.gguf")}\n`);
  const sluice = runSluice("--config", file, "--state-file", ":memory:", "--context", "512", "--slots", "2");
  const url = await sluice.ready;
  expect((await post(url, "/admin/models/rollback", { model: "talk" })).status).toBe(409);
  await replaceFile();
  await post(url, "/admin/reload", {});
  await sluice.says("its new version is loaded");
  // What was there before is not there any more.
  expect((await post(url, "/admin/models/rollback", { model: "talk" })).status).toBe(409);
  await rm(join(folder, "talk.gguf"));
  await symlink(resolve(inject("modelPath")), join(folder, "talk.gguf"));

  let isOver = false;
  let answers = 0;
  const asking = (async () => {
    for (let each = 0; !isOver; each += 1) {
      await chat(url, `s${each}`, `Count ${each}`);
      answers += 1;
    }
  })();
  expect(await change(url, "rollback")).toEqual(["stable 1", "new 0", "former"]);
  await expect
    .poll(async () => (await (await fetch(`${url}/admin/models`)).text()).includes('"role":"new"'), { timeout: 60_000 })
    .toBe(false);
  isOver = true;
  await asking;
  expect(answers).toBeGreaterThan(0);
  expect((await chat(url, "after")).model).toBe("talk");
});

test("where there is no memory for both, the old version ends its answers first, and new requests wait for the new one", async () => {
  await writeFile(file, `model: ${join(folder, "talk.gguf")}\nmemory: 600MiB\n`);
  const sluice = runSluice("--config", file, "--state-file", ":memory:", "--context", "512", "--slots", "2");
  const url = await sluice.ready;
  const long = await post(url, "/v1/chat/completions", {
    ...{ model: "talk", messages: user("Go"), max_tokens: 100, stream: true, logit_bias: { "905": 100 } },
  });
  const stream = events(long);
  await stream.next();
  await replaceFile();
  await post(url, "/admin/reload", {});
  const waiting = chat(url, "new");
  let text = "";
  for await (const event of stream) text += textOf(event);
  expect(text.length).toBeGreaterThan(100);
  expect((await waiting).model).toBe("talk");
  expect(sluice.log().filter(({ msg }) => msg === "the engine is ready").length).toBe(2);
});
