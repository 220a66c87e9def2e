import { extname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { TraceContext } from "../../generation/trace.ts";
import type { TraceSettings } from "./environment.ts";
import type { Work } from "./record.ts";
import type { Answer } from "./tree.ts";

/** What is told of: an answer to a client, or the work for one. Plain data, which another thread can take. */
export type Told =
  | {
      readonly type: "answer";
      readonly answer: Answer;
      /** The place that its client has named. */
      readonly client: TraceContext | undefined;
      readonly own: TraceContext;
    }
  | {
      readonly type: "work";
      readonly work: Work;
      /** The kind of the server that answered; undefined for this machine. */
      readonly provider: string | undefined;
      readonly trace: TraceContext;
    };

/** Tells a collector. */
export type Teller = {
  readonly tell: (told: Told) => void;
  /** Sends what is left. */
  readonly close: () => Promise<void>;
};

export type TellerOptions = {
  readonly settings: TraceSettings;
  readonly version: string;
  readonly warn: (problem: string) => void;
};

export type TellerData = Pick<TellerOptions, "settings" | "version"> & {
  /** The Unix time in ms of the beginning of the gateway's own monotonic clock. */
  readonly originMs: number;
};
export type ToTeller = readonly Told[] | "close";
export type FromTeller =
  | { readonly type: "warn"; readonly problem: string }
  | { readonly type: "took"; readonly requests: number }
  | { readonly type: "closed" };

/** What is told within this time goes to the thread together, up to a number. */
const GATHER_MS = 200;
const MAX_GATHERED = 64;
/** So many may be on their way to a thread that is busy. */
const MAX_UNTAKEN = 2_048;
/** A thread that has died is replaced, but not more often than this; and as often it is said that traces are lost. */
const RARELY_MS = 60_000;
/** For a thread that hangs: it waits for the collector itself, and not longer than two seconds. */
const FAREWELL_MS = 10_000;

/** Makes and sends spans in a thread of its own: with OpenTelemetry's libraries that takes longer than a whole answer from the cache. */
export function openTeller({ settings, version, warn }: TellerOptions): Teller {
  const url = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);
  const workerData: TellerData = { settings, version, originMs: performance.timeOrigin };
  let worker: Worker | undefined;
  let startedMs = Number.NEGATIVE_INFINITY;
  let gathered: Told[] = [];
  let timer: NodeJS.Timeout | undefined;
  let untaken = 0;
  let lost = 0;
  let lostMs = Number.NEGATIVE_INFINITY;

  function start(): Worker {
    startedMs = performance.now();
    const started = new Worker(url, { workerData, execArgv: [] });
    const forget = () => {
      if (worker !== started) return;
      worker = undefined;
      untaken = 0;
    };
    started.on("message", (word: FromTeller) => {
      if (word.type === "took") untaken -= word.requests;
      else if (word.type === "warn") warn(word.problem);
    });
    started.on("error", (error) => {
      forget();
      warn(`OpenTelemetry: the thread that sends traces has failed, and what it held is lost: ${String(error)}`);
    });
    started.on("exit", forget);
    started.unref();
    return started;
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    const told = gathered;
    gathered = [];
    if (worker === undefined && performance.now() - startedMs >= RARELY_MS) worker = start();
    if (worker === undefined) {
      lose(told.length);
      return;
    }
    untaken += told.length;
    worker.postMessage(told satisfies ToTeller);
  }

  function lose(requests: number): void {
    lost += requests;
    const nowMs = performance.now();
    if (nowMs - lostMs < RARELY_MS) return;
    lostMs = nowMs;
    warn(
      `OpenTelemetry: ${lost} spans of requests were not sent: they come faster than they can be, or the thread that sends them has failed.`,
    );
    lost = 0;
  }

  // At once: the libraries take a tenth of a second to load.
  worker = start();
  return {
    tell(told) {
      if (untaken + gathered.length >= MAX_UNTAKEN) {
        lose(1);
        return;
      }
      gathered.push(told);
      if (gathered.length >= MAX_GATHERED) flush();
      else timer ??= setTimeout(flush, GATHER_MS).unref();
    },
    async close() {
      if (gathered.length > 0) flush();
      clearTimeout(timer);
      const last = worker;
      if (last === undefined) return;
      const gone = new Promise<void>((resolve) => void last.once("exit", () => resolve()));
      last.ref();
      last.postMessage("close" satisfies ToTeller);
      await Promise.race([gone, pause(FAREWELL_MS, undefined, { ref: false })]);
      await last.terminate();
    },
  };
}
