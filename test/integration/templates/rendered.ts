import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Generate } from "../../../src/generation/layer.ts";
import type { GenerationRequest } from "../../../src/generation/request.ts";
import { decodeChatRequest } from "../../../src/protocols/chat/decode.ts";
import { complete } from "../../../src/protocols/complete.ts";
import { callTools } from "../../../src/tools/layer.ts";
import { collect } from "../../fixtures/generation.ts";
import type { Body } from "./conversations.ts";
import type { Rendered, RenderJob } from "./renderer.ts";
import type { Family } from "./sources.ts";

/** What Sluice makes of a body on its way from the wire to the worker of a model with this template. */
export async function toJob(body: Body, template: string, family: Family): Promise<RenderJob> {
  const chat = decodeChatRequest({ model: "one", ...body });
  const { generation } = complete(chat, chat.wish);
  const requests: GenerationRequest[] = [];
  /** The engine's place, where the request arrives. */
  const engine: Generate = async function* (request) {
    requests.push(request);
    yield* [];
  };
  const layer = callTools({ loadTemplate: async () => template, countTokens: async () => 0 });
  await collect(layer({ ...generation, id: "req_1", model: "one", signal: new AbortController().signal }, engine));
  const [request] = requests;
  if (request?.prompt.type !== "chat") throw new Error("the conversation never arrived");
  const { beginToken, endToken, control } = family;
  return { template, beginToken, endToken, control, prompt: request.prompt, tools: request.tools?.tools ?? [] };
}

/** The texts, from a process of their own: the binding is loaded by no other. */
export async function render(jobs: readonly RenderJob[]): Promise<readonly Rendered[]> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-templates-"));
  try {
    const file = join(folder, "jobs.json");
    await writeFile(file, JSON.stringify(jobs));
    const child = fork(new URL("renderer.ts", import.meta.url), [file], { execArgv: [] });
    const exited = once(child, "exit");
    return await Promise.race([
      once(child, "message").then(([rendered]) => rendered as Rendered[]),
      exited.then(([code]) => Promise.reject(new Error(`the binding could not be asked: exit code ${code}`))),
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
}
