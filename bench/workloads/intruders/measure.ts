import { setTimeout as sleep } from "node:timers/promises";
import { post } from "../../load/post.ts";
import { CHAT_PATH, type Session } from "../session.ts";
import { prepareDeed } from "./deed.ts";
import type { Observation } from "./judge.ts";
import type { Intruder } from "./kinds.ts";
import { watchHealth, watchStream } from "./watch.ts";

const SHORT = { promptTokens: 40, maxTokens: 8 };
const WARM_UP_CHATS = 4;
const AFTERWARDS_WITHIN_MS = 30_000;

/** Watches two other clients without the intruder and then beside it, for as long each. */
export async function observe(session: Session, { name, deed }: Intruder, windowMs: number): Promise<Observation> {
  const { server, signal } = session;
  const writer = session.writer(0, `${name}/warm-up`);
  for (let index = 0; index < WARM_UP_CHATS; index++) {
    await session.chat(session.prompt(writer, SHORT.promptTokens, SHORT.maxTokens));
  }
  const prepared = await prepareDeed(server.url, deed);
  try {
    const undisturbed = await watch(session, `${name}/undisturbed`, () => sleep(windowMs, undefined, { signal }));
    const disturbed = await watch(session, `${name}/disturbed`, () => prepared.run(windowMs, signal));
    return {
      ...{ name, ...disturbed.outcome, healthMs: disturbed.healthMs, undisturbedHealthMs: undisturbed.healthMs },
      ...{ worstGapMs: disturbed.worstGapMs, undisturbedGapMs: undisturbed.worstGapMs },
      afterwardsMs: await chatAfterwards(session, name),
    };
  } finally {
    await prepared.close();
  }
}

/** Watches the two others while something is done. */
async function watch<T>(session: Session, key: string, meanwhile: () => Promise<T>) {
  const stream = watchStream(session, key);
  await stream.decoding;
  const health = watchHealth(session.server.url);
  try {
    const outcome = await meanwhile();
    return { outcome, worstGapMs: await stream.stop(), healthMs: await health.stop() };
  } finally {
    await Promise.all([stream.stop(), health.stop()]);
  }
}

/** How long a short chat takes now, in ms; infinite where it has no good answer within half a minute. */
async function chatAfterwards(session: Session, name: string): Promise<number> {
  const request = session.prompt(session.writer(0, `${name}/afterwards`), SHORT.promptTokens, SHORT.maxTokens);
  const { startedMs, endedMs, status, cut } = await post(
    new URL(CHAT_PATH, session.server.url),
    Buffer.from(JSON.stringify(session.body(request))),
    { signal: AbortSignal.any([session.signal, AbortSignal.timeout(AFTERWARDS_WITHIN_MS)]) },
  );
  return status === 200 && cut === undefined ? endedMs - startedMs : Number.POSITIVE_INFINITY;
}
