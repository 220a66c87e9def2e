import type { Message, Reply } from "../load/client.ts";
import type { Writer } from "../load/text.ts";
import { cachedShare, outputRate, ttftFigures, wallMs } from "../load/timing.ts";
import { httpWorkload } from "./http.ts";
import type { Session } from "./session.ts";

const CONVERSATIONS = 4;
const QUESTION_TOKENS = 60;

/** More conversations than slots: when one continues, its slot has been used by another. */
export const multiTurn = httpWorkload({
  name: "multi-turn",
  title:
    "Four conversations of 8 turns each (2 in the quick run) on 2 slots, interleaved: each asks its next question of 60 tokens as soon " +
    "as it has its answer of 48 (24), and waits for a slot behind the others.",
  servers: { slots: 2, contextTokens: 2048 },
  async measure(session, round) {
    const turns = session.quick ? 2 : 8;
    const conversations = Array.from({ length: CONVERSATIONS }, (_, index) =>
      converse(session, session.writer(round, `conversation ${index}`), turns),
    );
    const replies = (await Promise.all(conversations)).flat();
    return {
      figures: {
        wallMs: wallMs(replies),
        outputTokensPerSecond: outputRate(replies),
        cachedTokens: cachedShare(replies),
        ...ttftFigures(replies),
      },
    };
  },
});

async function converse(session: Session, writer: Writer, turns: number): Promise<readonly Reply[]> {
  const messages: Message[] = [{ role: "system", content: writer.passage(QUESTION_TOKENS) }];
  const replies: Reply[] = [];
  for (let turn = 0; turn < turns; turn++) {
    messages.push({ role: "user", content: writer.passage(QUESTION_TOKENS) });
    const reply = await session.chat({ messages: [...messages], maxTokens: session.quick ? 24 : 48 });
    messages.push({ role: "assistant", content: reply.text });
    replies.push(reply);
  }
  return replies;
}
