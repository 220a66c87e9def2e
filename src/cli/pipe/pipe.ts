import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { systemClock } from "../../clock.ts";
import type { Flags } from "../../config/load.ts";
import { orAborted } from "../../items/or-aborted.ts";
import { createOverloadBuffer } from "../../items/overload.ts";
import { type TextLine, textLines } from "../../items/text-lines.ts";
import { createWindows } from "../../items/windows.ts";
import { type CliContext, EXIT } from "../context.ts";
import { CommandError } from "../errors.ts";
import { InterruptedError, watchInterrupts } from "../interrupts.ts";
import { reachGateway } from "../reach-gateway.ts";
import { formatAnswer, formatFailure, spilledWords } from "./answers.ts";
import { itemOf, itemOfWindow, keyIn, MAX_ITEM_LENGTH, type PipeItem, TOO_LONG } from "./items.ts";
import { type PipeOptions, readPipeOptions } from "./options.ts";
import { answerByTargets, checkTargets } from "./targets.ts";

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
  const counts = { read: 0, items: 0, answered: 0, spilled: 0, failed: 0, dropped: 0 };
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
    const { read, items, answered, spilled, failed, dropped } = counts;
    const left = items - answered - failed - dropped;
    const lines = source?.held() ?? 0;
    say(
      `${read} lines read, ${answered} items answered${spilledWords(spilled, options.spill)}, ${failed} failed, ${dropped} dropped, ${left} without an answer` +
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
    await checkTargets(gateway.client, options);
    async function fail(item: PipeItem, message: string): Promise<void> {
      counts.failed += 1;
      say(`item ${item.id} failed: ${message}`);
      await write(formatFailure(item, message, options.output));
    }
    async function write(text: string): Promise<void> {
      if (text !== "" && !stdout.write(text)) await once(stdout, "drain");
    }
    const lines = createLineSource(options, (item, fault) => {
      counts.items += 1;
      return fault === undefined ? buffer.push(item) : fail(item, fault);
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
    await answerByTargets({
      ...{ client: gateway.client, buffer, options, order: options.unordered ? "completion" : "input" },
      ...{ say, signal: leaving.signal },
      async onResult(item, result, target) {
        if (result.type === "failure") {
          await fail(item, result.message);
          return;
        }
        counts.answered += 1;
        if (target !== undefined) counts.spilled += 1;
        await write(formatAnswer(item, result.text, options.output, target));
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
  readonly add: (line: TextLine) => Promise<void>;
  readonly flush: () => Promise<void>;
  /** Lines that were read and are in no item yet. */
  readonly held: () => number;
};

/** @param push takes an item, or what is wrong with it */
function createLineSource(options: PipeOptions, push: (item: PipeItem, fault?: string) => Promise<void>): LineSource {
  const { windowCount, windowTime, key } = options;
  let number = 0;
  const refuse = () => push(itemOf("", ++number, { json: false, key: undefined }), TOO_LONG);
  if (windowCount === undefined && windowTime === undefined) {
    const add = (line: TextLine) => (line === undefined ? refuse() : push(itemOf(line, ++number, options)));
    return { add, flush: async () => {}, held: () => 0 };
  }
  const windows = createWindows({
    ...{ count: windowCount, ms: windowTime, clock: systemClock },
    keyOf: (line) => (key === undefined ? undefined : keyIn(line, key)),
    emit: (window) => push(itemOfWindow(window, ++number)),
  });
  return { ...windows, add: (line) => (line === undefined ? refuse() : windows.add(line)) };
}

/** Reads lines until their end, or until the signal is aborted. */
async function readLines(
  stdin: NodeJS.ReadableStream,
  source: LineSource,
  signal: AbortSignal,
  onLine: () => void,
): Promise<void> {
  for await (const line of textLines(untilAborted(stdin, signal), MAX_ITEM_LENGTH)) {
    if (signal.aborted) break;
    if (line?.trim() === "") continue;
    onLine();
    await source.add(line);
  }
  await source.flush();
}

async function* untilAborted(stdin: NodeJS.ReadableStream, signal: AbortSignal): AsyncGenerator<Buffer | string> {
  const pieces = stdin[Symbol.asyncIterator]();
  for (;;) {
    const read = await orAborted(pieces.next(), signal);
    if (read === undefined || read.done === true) return;
    yield read.value;
  }
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
