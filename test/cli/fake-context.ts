import { EventEmitter } from "node:events";
import { Writable } from "node:stream";
import type { CliContext, Output } from "../../src/cli/context.ts";

/** A stream that keeps what is written to it. */
export type FakeOutput = Output & {
  readonly text: () => string;
  /** Resolves as soon as this has been written, at once if it was before. */
  readonly until: (words: string) => Promise<void>;
};

export function fakeOutput(terminal: { readonly isTTY?: boolean; readonly columns?: number } = {}): FakeOutput {
  let written = "";
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk);
      for (const [words, { resolve }] of waiting) if (written.includes(words)) resolve();
      done();
    },
  });
  return Object.assign(stream, terminal, {
    text: () => written,
    until: (words: string) => {
      const waitingFor = Promise.withResolvers<void>();
      waiting.set(words, waitingFor);
      if (written.includes(words)) waitingFor.resolve();
      return waitingFor.promise;
    },
  });
}

/** Stands for `process`: takes signals from the test by `emit` and notes exits instead of ending. */
export class FakeProcess extends EventEmitter {
  readonly exits: number[] = [];

  exit(code: number): void {
    this.exits.push(code);
  }
}

export type FakeContext = CliContext & {
  readonly stdout: FakeOutput;
  readonly stderr: FakeOutput;
  readonly process: FakeProcess;
};

export function fakeContext(given: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {}): FakeContext {
  return {
    stdout: fakeOutput(),
    stderr: fakeOutput(),
    env: given.env ?? {},
    cwd: given.cwd ?? "/nowhere",
    process: new FakeProcess(),
  };
}
