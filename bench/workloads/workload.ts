import type { Measurement } from "../figures.ts";
import type { Lexicon } from "../load/text.ts";
import type { Gateways } from "../peers/gateways.ts";
import type { SharedSettings } from "../peers/settings.ts";

/** Who is measured. The peer with small batches is a second setting of the same server. */
export type ContestantName =
  | "sluice"
  | "sluice, nothing kept"
  | "sluice, unwatched"
  | "llama-server"
  | "llama-server -b 128"
  | "evaluate()"
  | "bare node:http"
  | "bare, two processes"
  | "bare Hono"
  | "direct"
  | "Portkey"
  | "LiteLLM";

/** How the text of streams came over time, for a plot. */
export type Trace = {
  /** Of each stream: when a text came, in ms since the event that the workload is about, and how long after the one before. */
  readonly streams: readonly (readonly { readonly atMs: number; readonly gapMs: number }[])[];
  /** How long that event lasted, in ms. */
  readonly eventMs: number;
};

/** What figures alone can't say: a row for each thing that was tried. */
export type DetailTable = { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] };

export type RoundResult = { readonly figures: Measurement; readonly trace?: Trace; readonly details?: DetailTable };

/** One side of a comparison, running. */
export type Contestant = {
  /** What need not be measured: first pages touched, connections made. */
  warmUp(): Promise<void>;
  /** Does the work of one round. The same round number is the same work for every contestant. */
  measure(round: number): Promise<RoundResult>;
  /** Frees everything and returns what is known only now. Called once, also after a failure. */
  close(): Promise<Measurement>;
};

export type Entry = { readonly name: ContestantName; open(): Promise<Contestant> };

export type Workload = {
  readonly name: string;
  /** One sentence: what is done. */
  readonly title: string;
  /** What a reader of the figures should know. */
  readonly notes?: readonly string[];
  /** Whether llama-server takes part. */
  readonly needsPeer: boolean;
  /** Whether the gateways of others take part. */
  readonly needsGateways?: boolean;
  /** Rounds of this workload where it isn't what the plan says, for what is short and scatters. */
  readonly rounds?: { readonly full: number; readonly quick: number };
  /** Too long for a quick run of everything: that leaves it out unless it is named. */
  readonly quickOnlyNamed?: boolean;
  /** Ours first. They are opened all at once, and take turns in this order. */
  entries(bench: Bench): readonly Entry[];
};

/** What a run has ready for its workloads. */
export type Bench = {
  readonly shared: SharedSettings;
  /** Undefined where Sluice is measured alone. */
  readonly peer:
    | { readonly type: "binary"; readonly path: string }
    | { readonly type: "url"; readonly url: string }
    | undefined;
  /** Those of others that take part where a workload needs them. */
  readonly gateways: Gateways;
  readonly quick: boolean;
  /** What a workload of several things is to do alone; empty is all of them. */
  readonly only: readonly string[];
  /** Tells how far it is. */
  readonly say: (progress: string) => void;
  /** Another for every run, so that no prompt of an earlier run is met again. */
  readonly runSeed: number;
  readonly lexicon: Lexicon;
  /** Tokens that end a generation; they are banned, so that every answer has the length that was asked for. */
  readonly endTokens: readonly number[];
  /** Aborted by Ctrl-C and at the workload's time limit. */
  readonly signal: AbortSignal;
};
