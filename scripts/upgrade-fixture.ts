/**
 * Has an earlier commit write its files, for the test of upgrades: `node scripts/upgrade-fixture.ts COMMIT`. It runs that commit's gateway with the
 * default model of this checkout, makes a key, asks for what is stored, and keeps the files in `test/fixtures/upgrade/COMMIT/`.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { gzipSync } from "node:zlib";
import { z } from "zod";
import { announcedUrl } from "./clients/kit/process.ts";

const SETTINGS = `# The settings of an earlier version, with each kind of value.
port: 0
model: [smollm2-135m-instruct]
aliases: ["small=smollm2-135m-instruct"]
slots: 2
context: 512
perModel:
  smollm2-135m-instruct: { maxTokens: 24 }
cacheFile: answers.bin
stateFile: state.db
warmPresets: false
shutdownGraceMs: 5000
`;

const root = resolve(import.meta.dirname, "..");
const [commit = ""] = process.argv.slice(2);
const hash = execFileSync("git", ["rev-parse", "--short=8", commit], { cwd: root, encoding: "utf8" }).trim();
const target = join(root, "test/fixtures/upgrade", hash);
const folder = mkdtempSync(join(tmpdir(), "sluice-upgrade-"));
try {
  const source = join(folder, "source");
  mkdirSync(source);
  execFileSync("sh", ["-c", `git archive ${hash} package.json src models prompts | tar -x -C ${source}`], {
    cwd: root,
  });
  symlinkSync(join(root, "node_modules"), join(source, "node_modules"));
  const data = join(folder, "data");
  mkdirSync(data);
  symlinkSync(join(root, "models"), join(data, "models"));
  writeFileSync(join(data, "sluice.yaml"), SETTINGS);
  const sluice = (...words: string[]) => [join(source, "src/main.ts"), ...words];

  const made = execFileSync(process.execPath, sluice("keys", "create", "alice", "--json"), {
    cwd: data,
    encoding: "utf8",
  });
  const key: unknown = JSON.parse(made);
  const secret = /"(sk-[^"]+|sluice[^"]+)"/.exec(made)?.[1] ?? "";

  const gateway = spawn(process.execPath, sluice(), { cwd: data, stdio: ["ignore", "pipe", "inherit"] });
  const url = await announcedUrl(gateway.stdout);
  const ask = async (path: string, body?: object): Promise<Record<string, unknown>> => {
    const response = await fetch(url + path, {
      ...{
        method: body ? "POST" : "GET",
        headers: { "content-type": "application/json", authorization: `Bearer ${secret}` },
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return z.looseObject({ id: z.string().optional() }).parse(await response.json());
  };
  const model = "smollm2-135m-instruct";
  const conversation = await ask("/v1/conversations", { metadata: { topic: "upgrade" } });
  const first = await ask("/v1/responses", {
    model,
    input: "Say hi",
    conversation: conversation.id,
    max_output_tokens: 16,
  });
  const next = await ask("/v1/responses", {
    model,
    input: "Again",
    previous_response_id: first.id,
    max_output_tokens: 16,
  }).catch(() => ask("/v1/responses", { model, input: "Again", conversation: conversation.id, max_output_tokens: 16 }));
  const chat = await ask("/v1/chat/completions", {
    ...{ model, messages: [{ role: "user", content: "Say hi" }], max_tokens: 16, temperature: 0, store: true },
    metadata: { topic: "upgrade" },
  });
  const items = await ask(`/v1/conversations/${conversation.id}/items?order=asc`);
  gateway.kill("SIGTERM");
  await once(gateway, "exit");

  mkdirSync(target, { recursive: true });
  const packed = join(folder, "packed.db");
  const database = new DatabaseSync(join(data, "state.db"));
  const version = database.prepare("PRAGMA user_version").get()?.user_version;
  // One file, with nothing in a write-ahead log.
  database.exec(`VACUUM INTO '${packed}'`);
  database.close();
  writeFileSync(join(target, "state.db.gz"), gzipSync(readFileSync(packed), { level: 9 }));
  writeFileSync(join(target, "answers.bin.gz"), gzipSync(readFileSync(join(data, "answers.bin")), { level: 9 }));
  writeFileSync(join(target, "sluice.yaml"), SETTINGS);
  const written = { version, key, secret, conversation, items, responses: [first, next], chat };
  writeFileSync(join(target, "expected.json"), `${JSON.stringify(written, undefined, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true });
}
