import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { systemClock } from "../../clock.ts";
import type { Flags } from "../../config/load.ts";
import { createOverloadBuffer } from "../../items/overload.ts";
import { createWindows } from "../../items/windows.ts";
import { type CliContext, EXIT } from "../context.ts";
import { CommandError } from "../errors.ts";
import { InterruptedError, watchInterrupts } from "../interrupts.ts";
import { reachGateway } from "../reach-gateway.ts";
import { checkPreset } from "../run-preset.ts";
import { formatAnswer, formatFailure } from "./answers.ts";
import { streamPath } from "./flags.ts";
import { itemOf, itemOfWindow, keyIn, type PipeItem } from "./items.ts";
import { type PipeOptions, readPipeOptions } from "./options.ts";
import { answerAll } from "./session.ts";

/** How often drops are told. */
const TELL_MS = 5_000;

/** How long is waited for the answers in flight after Ctrl-C. */
const LEAVE_MS = 10_000;

/** `sluice pipe`: returns 1 if items failed or have no answer. Throws a CommandError. */
export async function pipeLines(flags: Flags, context: CliContext): Promise<number> {
  const { stdin, stdout, stderr } = context;
  const options = readPipeOptions(flags);
  if (stdin === undefined || stdin.isTTY === true) {
    throw new CommandError("Nothing is piped in. Pipe lines in: tail -f app.log | sluice pipe --preset NAME");
  }
  const counts = { read: 0, items: 0, answered: 0, failed: 0, dropped: 0 };
  const unanswered = new Map<number, PipeItem>();
  const say = (message: string) => stderr.write(`pipe: ${message}\n`);
  const buffer = createOverloadBuffer<PipeItem>({
    ...{ limit: options.buffer, policy: options.overload, keyOf: ({ key }) => key },
    onDrop: () => {
      counts.dropped += 1;
    },
  });
  const cancelTelling = tellOfDrops(() => counts.dropped, say);
  let source: LineSource | undefined;
  const summarize = () => {
    const { read, items, answered, failed, dropped } = counts;
    const left = items - answered - failed - dropped;
    const lines = source?.held() ?? 0;
    say(
      `${read} lines read, ${answered} items answered, ${failed} failed, ${dropped} dropped, ${left} without an answer` +
        (lines === 0 ? "" : `, ${lines} lines in windows that were not sent`),
    );
    return left + lines;
  };
  const { process, env } = context;
  const interrupts = watchInterrupts({
    ...{ source: process, env },
    exitNow({ exitCode }) {
      summarize();
      process.exit(exitCode);
    },
  });
  // `main.ts` ends the program when nobody reads what it writes.
  const onUnread = () => summarize();
  stdout.prependListener("error", onUnread);
  const leaving = new AbortController();
  try {
    await using gateway = await reachGateway(flags, context, interrupts.signal);
    await checkPreset(gateway.client, options.preset);
    const lines = createLineSource(options, (item) => {
      counts.items += 1;
      return buffer.push(item);
    });
    source = lines;
    const reading = readLines(stdin, lines, interrupts.signal, () => {
      counts.read += 1;
    }).finally(buffer.end);
    reading.catch(() => {});
    interrupts.signal.addEventListener("abort", () => {
      say("stopped: what was read is still answered, for ten seconds; press Ctrl-C again to leave at once");
      void setTimeout(LEAVE_MS, undefined, { ref: false }).then(() => leaving.abort(interrupts.signal.reason));
    });
    await answerAll(unanswered, {
      destination: gateway.client.destination(streamPath(options, options.unordered ? "completion" : "input")),
      ...{ buffer, limit: options.inFlight, say, signal: leaving.signal },
      async onResult(item, result) {
        if (result.type === "failure") {
          counts.failed += 1;
          say(`item ${item.id} failed: ${result.message}`);
        } else counts.answered += 1;
        const text =
          result.type === "answer"
            ? formatAnswer(item, result.text, options.output)
            : formatFailure(item, result.message, options.output);
        if (text !== "" && !stdout.write(text)) await once(stdout, "drain");
      },
    });
    await reading;
    if (interrupts.signal.aborted) throw interrupts.signal.reason;
    return summarize() + counts.failed === 0 ? EXIT.done : EXIT.failed;
  } catch (error) {
    summarize();
    if (error instanceof InterruptedError || !interrupts.signal.aborted) throw error;
    throw interrupts.signal.reason;
  } finally {
    stdout.off("error", onUnread);
    cancelTelling();
    interrupts.dispose();
  }
}

/** Makes items of lines. */
type LineSource = {
  readonly add: (line: string) => Promise<void>;
  readonly flush: () => Promise<void>;
  /** Lines that were read and are in no item yet. */
  readonly held: () => number;
};

function createLineSource(options: PipeOptions, push: (item: PipeItem) => Promise<void>): LineSource {
  const { windowCount, windowTime, key } = options;
  let number = 0;
  if (windowCount === undefined && windowTime === undefined) {
    return { add: (line) => push(itemOf(line, ++number, options)), flush: async () => {}, held: () => 0 };
  }
  return createWindows({
    ...{ count: windowCount, ms: windowTime, clock: systemClock },
    keyOf: (line) => (key === undefined ? undefined : keyIn(line, key)),
    emit: (window) => push(itemOfWindow(window, ++number)),
  });
}

/** Reads lines until their end, or until the signal is aborted. */
async function readLines(
  stdin: NodeJS.ReadableStream,
  source: LineSource,
  signal: AbortSignal,
  onLine: () => void,
): Promise<void> {
  for await (const line of createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY, signal })) {
    if (signal.aborted) break;
    if (line.trim() === "") continue;
    onLine();
    await source.add(line);
  }
  await source.flush();
}

/** Tells of drops while they happen, now and then. */
function tellOfDrops(dropped: () => number, say: (message: string) => void): () => void {
  let told = 0;
  const timer = setInterval(() => {
    if (dropped() > told) say(`${dropped() - told} items were dropped: they come faster than they are answered`);
    told = dropped();
  }, TELL_MS).unref();
  return () => clearInterval(timer);
}
