import type { Reply } from "../load/client.ts";
import { cachedShare, timeToFirstToken, wallMs } from "../load/timing.ts";
import { sleep } from "../peers/server.ts";
import { quantile } from "../statistics.ts";
import { httpWorkload } from "./http.ts";
import type { Session } from "./session.ts";

const FILE_TOKENS = 400;
const COMPLETION_TOKENS = 24;
/** Characters typed in a burst. One in 100 ms is 120 words a minute: a fast typist. */
const KEYSTROKES = 10;
const KEYSTROKE_MS = 100;
const INSTRUCTION = "Continue the text where it ends. Answer with what comes next and nothing else.";

/** What llama.cpp's editors use: they send no temperature. */
const EDITORS_TEMPERATURE = 0.8;

const SERVERS = { slots: 4, contextTokens: 2048 } as const;

/** An editor that requests a greedy completion at each keystroke and cancels all but the last. */
export const fimBurst = httpWorkload({
  name: "fim-burst",
  title:
    "An editor sends a completion of 24 tokens at each keystroke, every 100 ms, and abandons the one before; after 10 keystrokes the " +
    "last is kept and accepted. 8 such bursts (2 in the quick run) in a text that begins with 400 tokens.",
  notes: ["fim-burst goes through chat completions on both sides."],
  servers: SERVERS,
  measure: (session, round) => typeBursts(session, round, 0),
});

/** The same as editors do it by themselves: with completions that are sampled. */
export const fimSampled = httpWorkload({
  name: "fim-sampled",
  title: `The same keystrokes as in fim-burst, with a temperature of ${EDITORS_TEMPERATURE}, as llama.vim and llama.vscode have their completions sampled.`,
  notes: ["fim-sampled goes through chat completions on both sides."],
  servers: SERVERS,
  measure: (session, round) => typeBursts(session, round, EDITORS_TEMPERATURE),
});

async function typeBursts(session: Session, round: number, temperature: number) {
  const writer = session.writer(round);
  let text = writer.passage(FILE_TOKENS);
  const kept: Reply[] = [];
  for (let burst = 0; burst < (session.quick ? 2 : 8); burst++) {
    const typed = ` ${writer.passage(KEYSTROKES)}`.slice(0, KEYSTROKES);
    const reply = await typeBurst(session, text, typed, temperature);
    text += typed + reply.text;
    kept.push(reply);
  }
  const ttfts = kept.map(timeToFirstToken);
  return {
    figures: {
      keptTtftP50Ms: quantile(ttfts, 0.5),
      keptTtftP95Ms: quantile(ttfts, 0.95),
      wallMs: wallMs(kept),
      cachedTokens: cachedShare(kept),
    },
  };
}

/** Types one character after the other, and returns the answer to the last. */
async function typeBurst(session: Session, text: string, typed: string, temperature: number): Promise<Reply> {
  let newest: { readonly reply: Promise<Reply>; readonly abandoned: AbortController } | undefined;
  for (let length = 1; length <= typed.length; length++) {
    if (newest !== undefined) await sleep(KEYSTROKE_MS, session.signal);
    newest?.abandoned.abort();
    newest = ask(session, text + typed.slice(0, length), temperature);
  }
  if (newest === undefined) throw new Error("a burst needs a keystroke");
  return newest.reply;
}

function ask(session: Session, text: string, temperature: number) {
  const abandoned = new AbortController();
  const messages = [
    { role: "system", content: INSTRUCTION },
    { role: "user", content: text },
  ] as const;
  const reply = session.chat(
    { messages, maxTokens: COMPLETION_TOKENS, temperature },
    { signal: AbortSignal.any([session.signal, abandoned.signal]) },
  );
  // An abandoned answer fails, which is what was wanted; a real failure shows in the one that is kept.
  reply.catch(() => {});
  return { reply, abandoned };
}
