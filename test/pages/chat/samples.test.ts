import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Body } from "../../../pages/chat/request/body.ts";
import { type Sample, writeSamples } from "../../../pages/chat/request/samples.ts";

const run = promisify(execFile);

/** What could break out of quotes, or be read differently by a shell, TypeScript or Python. */
const TRICKY = `it's "quoted" \\ \${HOME} $(id) \`id\` %s {x} @file\n\t\u2028 漢字 🙂 '''"""`;

const BODY: Body = {
  model: "preset/one",
  messages: [{ role: "user", content: TRICKY }],
  temperature: 0,
  top_k: 40,
  min_p: 0.05,
  seed: Number.MAX_SAFE_INTEGER,
  stop: ["'", "\n"],
  response_format: {
    type: "json_schema",
    json_schema: {
      name: "answer",
      schema: { type: "object", additionalProperties: false, default: null, required: [] },
    },
  },
  variables: { "a 'b'": TRICKY },
  continue_final_message: true,
  stream: true,
  stream_options: { include_usage: true },
};

const CHUNKS = ["Hel", "lo"].map((content) => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  created: 1,
  model: "one",
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
}));

let server: Server;
let origin: string;
let folder: string;
const received: { path: string | undefined; key: string | undefined; body: unknown }[] = [];

beforeAll(async () => {
  // In the checkout, so that the TypeScript sample finds the client.
  await mkdir("build", { recursive: true });
  folder = await mkdtemp(join("build", "samples-"));
  server = createServer((request, response) => {
    void text(request).then((body) => {
      received.push({ path: request.url, key: request.headers.authorization, body: JSON.parse(body) });
      response.setHeader("content-type", "text/event-stream");
      response.end(
        [...CHUNKS.map((chunk) => JSON.stringify(chunk)), "[DONE]"].map((data) => `data: ${data}\n\n`).join(""),
      );
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});

function sampleIn(language: Sample["language"]): string {
  const sample = writeSamples(origin, BODY).find((each) => each.language === language);
  if (sample === undefined) throw new Error(`there is no sample in ${language}`);
  return sample.code;
}

const ENVIRONMENT = { ...process.env, SLUICE_API_KEY: "sk-test" };

describe("a request as a program", () => {
  it("is sent by curl as it is", async () => {
    const { stdout } = await run("sh", ["-c", sampleIn("curl")], { env: ENVIRONMENT });
    expect(received.at(-1)).toEqual({ path: "/v1/chat/completions", key: "Bearer sk-test", body: BODY });
    expect(stdout).toContain('"content":"Hel"');
  });

  it("is sent by the TypeScript client as it is, and the answer is printed", async () => {
    const file = join(folder, "sample.ts");
    await writeFile(file, sampleIn("TypeScript"));
    const { stdout } = await run(process.execPath, [file], { env: ENVIRONMENT });
    expect(received.at(-1)).toEqual({ path: "/v1/chat/completions", key: "Bearer sk-test", body: BODY });
    expect(stdout).toBe("Hello");
  });

  it("passes TypeScript's checks", async () => {
    const file = join(folder, "checked.ts");
    await writeFile(file, sampleIn("TypeScript"));
    const options = [
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "--module",
      "nodenext",
      "--target",
      "es2024",
      "--types",
      "node",
    ];
    await run("node_modules/.bin/tsc", ["--ignoreConfig", ...options, file]);
  });

  it("gives Python's client what it takes by name, and the rest as its extra body", async () => {
    // The client itself is tried in test/clients/python; here its place is taken by one that tells what it was given.
    await writeFile(
      join(folder, "openai.py"),
      `import json
class OpenAI:
    def __init__(self, base_url, api_key):
        self.chat = self.completions = self
        self.start = {"base_url": base_url, "api_key": api_key}
    def create(self, **given):
        print(json.dumps({**self.start, "given": given}))
        return []
`,
    );
    const file = join(folder, "sample.py");
    await writeFile(file, sampleIn("Python"));
    const { stdout } = await run("python3", [file], {
      env: { ...ENVIRONMENT, PYTHONPATH: folder, PYTHONIOENCODING: "utf-8" },
    });
    const { given, ...start } = JSON.parse(stdout) as { given: { extra_body: object } };
    expect(start).toEqual({ base_url: `${origin}/v1`, api_key: "sk-test" });
    const { extra_body: own, ...known } = given;
    expect({ ...known, ...own }).toEqual(BODY);
    expect(Object.keys(own)).toEqual(["top_k", "min_p", "variables", "continue_final_message"]);
  });
});
