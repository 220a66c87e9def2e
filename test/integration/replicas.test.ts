import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { events, textOf, user } from "./client.ts";
import { endAll, isAlive, runSluice, type SluiceProcess } from "./sluice-process.ts";

let folder: string;
let sluice: SluiceProcess;
let url: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  sluice = runSluice(
    ...["--replicas", "2", "--slots", "2", "--cache-bytes", "0", "--no-list-presets", "--metrics", "open"],
    ...["--state-file", join(folder, "state.db")],
  );
  url = await sluice.ready;
});
afterAll(async () => {
  await endAll();
  rmSync(folder, { recursive: true, force: true });
});

const completion = z.object({
  choices: z.tuple([z.object({ message: z.object({ content: z.string() }) })]),
  usage: z.object({ prompt_tokens: z.number(), prompt_tokens_details: z.object({ cached_tokens: z.number() }) }),
});
const running = z.object({ models: z.array(z.object({ size: z.number(), replicas: z.unknown() })) });

function post(body: object): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "smollm2-135m-instruct", temperature: 0, ...body }),
  });
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(name));
  return Number(line?.split(" ").at(-1));
}

const pids = () =>
  sluice.log().flatMap(({ msg, enginePid }) => (msg === "the engine is ready" ? [enginePid ?? 0] : []));

const story = (subject: string) => ({
  messages: user(`Tell me a story about ${subject}.`),
  max_tokens: 80,
  // However soon the model would end by itself, all of them run at the same time.
  ignore_eos: true,
});
const SUBJECTS = ["a fox", "the sea", "an old clock", "two brothers"];

/** Streams of all subjects at once. `onBegun` is called when each has begun. */
async function streamAll(onBegun: () => Promise<unknown>): Promise<string[]> {
  let waiting = SUBJECTS.length;
  return Promise.all(
    SUBJECTS.map(async (subject) => {
      let text = "";
      for await (const event of events(await post({ ...story(subject), stream: true }))) {
        const isFirst = text === "" && textOf(event) !== "";
        text += textOf(event);
        if (!isFirst) continue;
        waiting -= 1;
        if (waiting === 0) await onBegun();
      }
      return text;
    }),
  );
}

describe("two replicas of a model, with two slots each", () => {
  test("are two processes that count as one model with four slots", async () => {
    await expect.poll(() => new Set(pids()).size).toBe(2);
    const { models } = running.parse(await (await fetch(`${url}/api/ps`)).json());
    expect(models).toMatchObject([{ replicas: { ready: 2, all: 2 } }]);
    expect(await metric('sluice_slots{model="smollm2-135m-instruct",state="free"}')).toBe(4);
    expect(await metric('sluice_model_replicas{model="smollm2-135m-instruct",state="ready"}')).toBe(2);
  });

  test("keep each conversation where its beginning is", async () => {
    const rules = (of: string) =>
      Array.from({ length: 10 }, (_, rule) => `Rule ${rule} of ${of}: count ${rule * 7} boats.`).join("\n");
    const conversations = ["the lake", "a river", "the sea"].map((of) => ({ messages: user(rules(of)), asked: 0 }));
    for (let turn = 0; turn < 2; turn += 1) {
      // All at once, so that they don't fit into the slots of one.
      await Promise.all(
        conversations.map(async (conversation) => {
          const answer = await post({ messages: conversation.messages, max_tokens: 8 });
          const { choices, usage } = completion.parse(await answer.json());
          const cached = usage.prompt_tokens_details.cached_tokens;
          // Both sides of what is cached are whole chunks.
          if (turn > 0) expect(cached).toBeGreaterThan(conversation.asked - 128);
          conversation.asked = usage.prompt_tokens;
          conversation.messages.push({ role: "assistant", content: choices[0].message.content }, ...user("Go on."));
        }),
      );
    }
  });

  test("share the load, and go on when one of them is killed: no answer is another, none fails", async () => {
    const undisturbed = await streamAll(async () => {
      expect(await metric('sluice_slots{model="smollm2-135m-instruct",state="used"}')).toBe(4);
    });

    const [first = 0] = pids();
    let state = 0;
    const disturbed = await streamAll(async () => {
      process.kill(first, "SIGKILL");
      await sluice.says("its requests go on in a new one");
      state = (await fetch(`${url}/ready`)).status;
    });
    expect(disturbed).toEqual(undisturbed);
    expect(state).toBe(200);
    expect(await metric('sluice_engine_restarts_total{model="smollm2-135m-instruct"}')).toBe(1);
    expect(isAlive(first)).toBe(false);
    expect(isAlive(pids()[1] ?? 0)).toBe(true);
  });
});
