import type { Flags } from "../../config/load.ts";
import { type CliContext, EXIT, type Output } from "../context.ts";
import { InterruptedError, watchInterrupts } from "../interrupts.ts";
import { reachRunning } from "../reach-gateway.ts";
import { paintFor } from "../style.ts";
import { follow, type Told } from "./follow.ts";
import { type Key, readKeys } from "./keys.ts";
import { layOut, scrollable, type View } from "./layout.ts";
import { openScreen, type Screen } from "./screen.ts";

const PLAIN_COLUMNS = 80;

const FIRST_VIEW: View = { isPaused: false, focus: 0, offset: 0 };

/**
 * `sluice top`: shows what a gateway does, each second, on the terminal; elsewhere, and with `--once`, one snapshot; with `--json` a line of JSON for
 * each. Throws a CommandError if no gateway responds or it refuses.
 */
export async function top(flags: Flags, context: CliContext): Promise<number> {
  const { stdout, env } = context;
  const isScreen = stdout.isTTY === true && env.TERM !== "dumb" && flags.once !== true && flags.json !== true;
  const leaving = new AbortController();
  let screen: Screen | undefined;
  const interrupts = watchInterrupts({
    ...{ source: context.process, env },
    exitNow({ exitCode }) {
      screen?.close();
      context.process.exit(exitCode);
    },
  });
  try {
    const signal = AbortSignal.any([interrupts.signal, leaving.signal]);
    const client = reachRunning(flags, context, signal);
    const telling = follow(client, signal);
    if (!isScreen) return await print(telling, client.url, flags, context);
    // So that an error of the first connection is not on a screen that is gone.
    const { value: first } = await telling.next();
    screen = openScreen(stdout);
    await run({ first, telling, screen, leaving, url: client.url }, context);
    return EXIT.done;
  } finally {
    screen?.close();
    interrupts.dispose();
  }
}

async function print(telling: AsyncIterable<Told>, url: string, flags: Flags, context: CliContext): Promise<number> {
  const { stdout, stderr } = context;
  for await (const told of telling) {
    if (told.lost !== undefined) stderr.write(`Not reached, and tried again each second: ${told.lost}\n`);
    else if (flags.json === true) stdout.write(`${printable(JSON.stringify(told.snapshot))}\n`);
    else {
      const frame = { url, columns: stdout.columns ?? PLAIN_COLUMNS, paint: paintFor(stdout, context) };
      stdout.write(`${layOut(told, FIRST_VIEW, frame).join("\n")}\n`);
    }
    if (flags.once === true || flags.json !== true) break;
  }
  return EXIT.done;
}

/** JSON in which a terminal finds nothing to act on. */
function printable(json: string): string {
  return json.replaceAll(
    /[\u007f-\u009f\p{Bidi_Control}]/gu,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

type Running = {
  readonly first: Told;
  readonly telling: AsyncIterable<Told>;
  readonly screen: Screen;
  readonly leaving: AbortController;
  readonly url: string;
};

/** Shows what comes until a key ends it. */
async function run({ first, telling, screen, leaving, url }: Running, context: CliContext): Promise<void> {
  const { stdin, stdout, process } = context;
  const paint = paintFor(stdout, context);
  let view = FIRST_VIEW;
  let newest = first;
  let shown = first;
  const draw = () => {
    if (!view.isPaused || newest.lost !== undefined) shown = newest;
    const { columns, rows } = sizeOf(stdout);
    screen.show(layOut(shown, view, { url, columns, rows, paint }));
  };
  const ended = Promise.withResolvers<void>();
  const onKeys = (sent: Buffer | string) => {
    for (const key of readKeys(String(sent))) {
      if (key === "quit") ended.resolve();
      else if (key === "interrupt") ended.reject(new InterruptedError("SIGINT"));
      else view = viewAfter(key, view, shown);
    }
    draw();
  };
  const onResize = () => {
    screen.forget();
    draw();
  };
  const keyboard = stdin?.isTTY === true ? stdin : undefined;
  // An error that nothing has caught must not leave the terminal as it is now.
  process.on("uncaughtException", ended.reject);
  stdout.on("resize", onResize);
  keyboard?.setRawMode?.(true);
  keyboard?.on("data", onKeys).resume();
  const showing = (async () => {
    draw();
    for await (newest of telling) draw();
  })();
  try {
    await Promise.race([ended.promise, showing]);
  } finally {
    leaving.abort();
    await showing.catch(() => {});
    keyboard?.off("data", onKeys).pause();
    keyboard?.setRawMode?.(false);
    stdout.off("resize", onResize);
    process.off("uncaughtException", ended.reject);
  }
}

function sizeOf({ columns = PLAIN_COLUMNS, rows = 24 }: Output): { readonly columns: number; readonly rows: number } {
  return { columns: Math.max(1, columns), rows: Math.max(1, rows) };
}

const STEPS: Readonly<Partial<Record<Key, number>>> = { up: -1, down: 1, "page-up": -10, "page-down": 10 };

function viewAfter(key: Key, view: View, told: Told): View {
  if (key === "pause") return { ...view, isPaused: !view.isPaused };
  const { sections, rows } = scrollable(told, view.focus);
  if (key === "next" || key === "previous") {
    const step = key === "next" ? 1 : sections - 1;
    return { ...view, focus: sections === 0 ? 0 : (view.focus + step) % sections, offset: 0 };
  }
  return { ...view, offset: Math.max(0, Math.min(rows - 1, view.offset + (STEPS[key] ?? 0))) };
}
