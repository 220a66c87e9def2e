/** The thread that makes spans and sends them, so that requests don't wait for it. */
import { parentPort, workerData } from "node:worker_threads";
import { openTraceExport } from "./export.ts";
import type { FromTeller, TellerData, ToTeller } from "./teller.ts";
import { spanOfAnswer, spanOfWork } from "./tree.ts";

// The gateway itself has made the data and the messages.
const { settings, version, originMs } = workerData as TellerData;
const say = (word: FromTeller) => parentPort?.postMessage(word);

const spans = await openTraceExport({
  ...{ settings, version },
  toUnixMs: (ms) => originMs + ms,
  warn: (problem) => say({ type: "warn", problem }),
});

parentPort?.on("message", async (told: ToTeller) => {
  if (told === "close") {
    await spans.close();
    say({ type: "closed" });
    parentPort?.close();
    return;
  }
  for (const each of told) {
    if (each.type === "answer") spans.tell(spanOfAnswer(each.answer), each.client, each.own);
    else spans.tell(spanOfWork(each.work, each.provider), each.trace);
  }
  say({ type: "took", requests: told.length });
});
