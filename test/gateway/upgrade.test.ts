import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { gunzipSync } from "node:zlib";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { readAnswers } from "../../src/cache/file.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createGateway, type Gateway } from "../../src/gateway/gateway.ts";

// Files that earlier versions wrote, with the real model: scripts/upgrade-fixture.ts.

const versions = readdirSync(new URL("../fixtures/upgrade/", import.meta.url));
const object = z.looseObject({ id: z.string() });
const expected = z.object({
  ...{ version: z.int(), secret: z.string(), conversation: object, chat: object, responses: z.array(object) },
  items: z.looseObject({ data: z.array(object).min(1) }),
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-upgrade-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function filesOf(version: string) {
  const read = (name: string) => readFileSync(new URL(`../fixtures/upgrade/${version}/${name}`, import.meta.url));
  const stateFile = join(folder, "state.db");
  writeFileSync(stateFile, gunzipSync(read("state.db.gz")));
  const cacheFile = join(folder, "answers.bin");
  writeFileSync(cacheFile, gunzipSync(read("answers.bin.gz")));
  return {
    stateFile,
    cacheFile,
    settings: read("sluice.yaml"),
    written: expected.parse(JSON.parse(String(read("expected.json")))),
  };
}

/** A gateway with the state file, in front of a server that isn't there: what is stored needs no model. */
async function open(stateFile: string): Promise<Gateway> {
  const settings = { stateFile, upstreams: ["there=http://127.0.0.1:9"], warmPresets: false, stateMaxDays: 36_500 };
  const { config } = loadConfig({
    ...{ flags: { config: "sluice.yaml" }, env: {}, cwd: folder },
    readFile: () => new TextEncoder().encode(JSON.stringify(settings)),
  });
  return createGateway({ config, models: [], logger: pino({ level: "silent" }) });
}

describe.each(versions)("the files of version %s", (version) => {
  it("keep their keys, responses, conversations and completions", async () => {
    const { stateFile, written } = filesOf(version);
    const gateway = await open(stateFile);
    try {
      const get = async (path: string, secret = written.secret) => {
        const response = await gateway.app.request(path, { headers: { authorization: `Bearer ${secret}` } });
        return { status: response.status, body: await response.json() };
      };
      expect(await get("/v1/models", "sk-sluice-another")).toMatchObject({ status: 401 });
      for (const response of written.responses) {
        expect(await get(`/v1/responses/${response.id}`)).toMatchObject({ status: 200, body: response });
      }
      const { conversation, items, chat } = written;
      expect(await get(`/v1/conversations/${conversation.id}`)).toMatchObject({ status: 200, body: conversation });
      const stored = await get(`/v1/conversations/${conversation.id}/items?order=asc`);
      expect(stored).toMatchObject({ status: 200, body: { data: items.data } });
      expect(await get(`/v1/chat/completions/${chat.id}`)).toMatchObject({
        status: 200,
        body: { id: chat.id, choices: chat.choices },
      });
    } finally {
      await gateway.stop();
    }
  });

  it("are brought up to date once, and stay readable", async () => {
    const { stateFile, written } = filesOf(version);
    for (const _ of ["first", "second"]) {
      const gateway = await open(stateFile);
      const response = await gateway.app.request(`/v1/responses/${written.responses[0]?.id}`, {
        headers: { authorization: `Bearer ${written.secret}` },
      });
      expect(response.status).toBe(200);
      await gateway.stop();
    }
    using database = new DatabaseSync(stateFile);
    expect(Number(database.prepare("PRAGMA user_version").get()?.user_version)).toBeGreaterThan(written.version);
    expect(database.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  });

  it("keep their cached answers", async () => {
    const { cacheFile } = filesOf(version);
    const models: string[] = [];
    for await (const { model } of readAnswers(cacheFile, 1024 ** 2)) models.push(model);
    expect(models).toEqual(["smollm2-135m-instruct"]);
  });

  it("keep their settings", () => {
    const { settings } = filesOf(version);
    const { config, warnings } = loadConfig({
      ...{ flags: { config: "sluice.yaml" }, env: {}, cwd: folder, readFile: () => settings },
    });
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      slots: 2,
      context: 512,
      aliases: ["small=smollm2-135m-instruct"],
      shutdownGraceMs: 5_000,
    });
  });
});

it("an older Sluice says that the state file is newer, and leaves it as it is", async () => {
  const { stateFile, written } = filesOf(versions[0] ?? "");
  const database = new DatabaseSync(stateFile);
  database.exec("PRAGMA user_version = 1000");
  database.close();
  const before = readFileSync(stateFile);
  await expect(
    open(stateFile).then(async (gateway) => {
      const headers = { authorization: `Bearer ${written.secret}` };
      const response = await gateway.app.request(`/v1/responses/${written.responses[0]?.id}`, { headers });
      await gateway.stop();
      throw new Error(await response.text());
    }),
  ).rejects.toThrow(/newer Sluice \(version 1000/);
  expect(readFileSync(stateFile).equals(before)).toBe(true);
});
