import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { Prompt, Tool } from "../../../generation/request.ts";
import { compareOutlines } from "./compare.ts";
import { type Outline, outlineOf } from "./outline.ts";
import { type Candidate, type PrefixReport, reportOf, type Since } from "./report.ts";

/** A request whose prompt was evaluated here. */
export type Patient = {
  readonly id: string;
  readonly model: string;
  readonly session: string | undefined;
  readonly preset: string | undefined;
  readonly tenant: string | undefined;
  readonly prompt: Prompt;
  readonly tools: readonly Tool[];
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly msPerToken: number;
  /** When its turn came, its first token, and its end, by a monotonic clock in ms. */
  readonly times: { readonly turnMs: number; readonly firstMs: number; readonly endMs: number };
  /** How many requests of its model had had their turns when it had its own. */
  readonly turns: number;
};

export type PrefixDoctor = {
  /** Examines a request some time after its answer. @param tell gets the report */
  readonly examine: (patient: Patient, tell: (report: PrefixReport) => void) => void;
  /** Resolves when nobody waits. */
  readonly settled: () => Promise<void>;
  /** What it keeps, in bytes, estimated. */
  readonly keptBytes: () => number;
};

/** Whether a model was away at some time between two. */
export type WasAway = (model: string, fromMs: number, untilMs: number) => boolean;

export type DoctorOptions = {
  readonly wasAway: WasAway;
  /** What it may keep in all, in bytes; 8 MiB if absent. */
  readonly maxBytes?: number;
  readonly now?: () => number;
};

/** What is kept of an examined prompt. */
type Case = Omit<Patient, "prompt" | "tools"> & { readonly outline: Outline; readonly bytes: number };

/** The event loop is given back after so much work. */
const SLICE_MS = 1;
/** Prompts that may wait, by number and length: of more, nothing is said. */
const MAX_WAITING = 64;
const MAX_WAITING_CHARS = 8 * 1024 * 1024;
const MAX_BYTES = 8 * 1024 * 1024;
const MAX_CASES = 256;
/** So many earlier prompts are compared: some of the same session, preset and key each, and the latest. */
const MAX_COMPARED = 12;
const OF_EACH_KIND = 3;
/** For each piece: a hash, a length, a line, and now and then a mark. */
const BYTES_A_PIECE = 32;

/** Finds out why prompts were not reused. It keeps no text: only keyed hashes, whose key is lost with the process. */
export function createPrefixDoctor({
  wasAway,
  maxBytes = MAX_BYTES,
  now = () => performance.now(),
}: DoctorOptions): PrefixDoctor {
  const key = randomBytes(32).toString("base64");
  const waiting: {
    readonly patient: Patient;
    readonly tell: (report: PrefixReport) => void;
    readonly chars: number;
  }[] = [];
  let waitingChars = 0;
  /** The latest last. */
  const cases: Case[] = [];
  let bytes = 0;
  let work: Promise<void> | undefined;

  async function run(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { patient, tell, chars } = next;
      await setImmediate();
      tell(await look(patient));
      waitingChars -= chars;
    }
    work = undefined;
  }

  async function look({ prompt, tools, ...patient }: Patient): Promise<PrefixReport> {
    const slice = createSlice(now);
    const steps = outlineOf(prompt, tools, key);
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) {
      const rest = slice();
      if (rest !== undefined) await rest;
    }
    const outline = step.value;
    const candidates: Candidate[] = [];
    for (const earlier of choose(patient)) {
      candidates.push({
        earlier: earlier.id,
        comparison: compareOutlines(outline, earlier.outline),
        since: () => sinceOf(earlier, patient),
      });
      await slice();
    }
    keep({ ...patient, outline, bytes: 512 + BYTES_A_PIECE * outline.hashes.length });
    const { promptTokens, cachedTokens, msPerToken } = patient;
    return reportOf({ promptTokens, cachedTokens, msPerToken, characters: outline.characters }, candidates);
  }

  function choose(patient: Omit<Patient, "prompt" | "tools">): ReadonlySet<Case> {
    const chosen = new Set<Case>();
    const add = (most: number, fits: (earlier: Case) => boolean) => {
      let added = 0;
      for (let at = cases.length - 1; at >= 0 && added < most && chosen.size < MAX_COMPARED; at--) {
        const earlier = cases[at];
        // What came later is no prefix that it could have found.
        if (earlier === undefined || earlier.times.turnMs > patient.times.turnMs) continue;
        if (earlier.model !== patient.model || chosen.has(earlier) || !fits(earlier)) continue;
        chosen.add(earlier);
        added += 1;
      }
    };
    const { session, preset, tenant } = patient;
    if (session !== undefined) add(OF_EACH_KIND, (earlier) => earlier.session === session);
    if (preset !== undefined) add(OF_EACH_KIND, (earlier) => earlier.preset === preset);
    add(OF_EACH_KIND, (earlier) => earlier.tenant === tenant);
    add(MAX_COMPARED, () => true);
    return chosen;
  }

  function sinceOf(earlier: Case, { model, times, turns }: Omit<Patient, "prompt" | "tools">): Since {
    if (earlier.times.firstMs > times.turnMs) return { type: "unfinished" };
    if (wasAway(model, earlier.times.endMs, times.turnMs)) return { type: "loaded" };
    return { type: "others", count: Math.max(0, turns - earlier.turns - 1) };
  }

  function keep(one: Case): void {
    cases.push(one);
    bytes += one.bytes;
    while (bytes > maxBytes || cases.length > MAX_CASES) bytes -= cases.shift()?.bytes ?? 0;
  }

  return {
    examine(patient, tell) {
      const chars = lengthOf(patient);
      if (waiting.length >= MAX_WAITING || waitingChars + chars > MAX_WAITING_CHARS) {
        tell({ type: "unknown", reason: "busy" });
        return;
      }
      waitingChars += chars;
      waiting.push({ patient, tell, chars });
      work ??= run();
    },
    settled: async () => work,
    keptBytes: () => bytes,
  };
}

/** Returns a function that lets others work once its caller has worked for a while. */
function createSlice(now: () => number): () => Promise<void> | undefined {
  let begunMs = now();
  return () => {
    if (now() - begunMs < SLICE_MS) return undefined;
    return setImmediate().then(() => {
      begunMs = now();
    });
  };
}

function lengthOf({ prompt }: Patient): number {
  switch (prompt.type) {
    case "chat":
      return prompt.messages.reduce((sum, { content }) => sum + content.length, 0);
    case "text":
      return prompt.text.length;
    case "infill":
      return prompt.prefix.length + prompt.suffix.length;
    case "tokens":
      return prompt.tokens.length;
  }
}
