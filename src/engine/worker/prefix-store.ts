import { commonPrefixLength, type Prefix } from "./prefix.ts";

/** A prefix whose part of the KV cache was saved to a file. */
export type StoredPrefix = Prefix & {
  readonly path: string;
  readonly sizeBytes: number;
};

/** The files of stored prefixes. */
export type PrefixFiles = {
  /** A path for llama.cpp to write a state to. */
  readonly newPath: () => string;
  readonly remove: (path: string) => void;
  /** Of files that outlive the process; absent in a temporary folder. */
  readonly kept?: KeptFiles;
};

/** Files that outlive the process, in a folder that other processes may use, too. */
type KeptFiles = {
  /** Completes a state file. Returns its new path and its size. Throws if it can't be written. */
  readonly seal: (path: string, prefix: Prefix) => Promise<{ readonly path: string; readonly sizeBytes: number }>;
  /** The files that were added and removed since the last call, by any process. Undefined if there is no change. */
  readonly look: () => { readonly added: readonly StoredPrefix[]; readonly removed: ReadonlySet<string> } | undefined;
  /** Calls `load` with the path of an intact file. Throws if it is damaged or gone. If `load` ends the process, the file is never tried again. */
  readonly open: (path: string, load: (path: string) => Promise<void>) => Promise<void>;
  /** Marks a file as used, for all processes. */
  readonly touch: (path: string) => void;
  /** The free bytes of the disk. */
  readonly freeBytes: () => number;
};

/** Shorter prefixes are evaluated again as fast as they are loaded. */
export const WORTH_STORING_TOKENS = 64;

/** The share of the disk that stored prefixes may take, of what is free without them. */
const DISK_SHARE = 0.5;

/**
 * Keeps the content of slots that were given to other sequences. The least recently used entries are removed first. It exceeds `maxBytes` at
 * most by one save, whose size is known only afterwards.
 */
export class PrefixStore {
  readonly #files: PrefixFiles;
  readonly #maxBytes: number;
  /** Least recently used first. */
  readonly #entries = new Set<StoredPrefix>();
  #bytes = 0;

  constructor(files: PrefixFiles, maxBytes: number) {
    this.#files = files;
    this.#maxBytes = maxBytes;
    this.#look();
    this.#makeRoom();
  }

  get enabled(): boolean {
    return this.#maxBytes > 0;
  }

  /** Whether entries outlive the process. */
  get isKept(): boolean {
    return this.enabled && this.#files.kept !== undefined;
  }

  get bytes(): number {
    return this.#bytes;
  }

  list(): readonly StoredPrefix[] {
    this.#look();
    return [...this.#entries];
  }

  /** Whether storing this saves work: it is long enough, and no entry holds nearly all of it. */
  gains(prefix: Prefix): boolean {
    if (!this.enabled || prefix.tokens.length < WORTH_STORING_TOKENS) return false;
    return !this.#covers(prefix, WORTH_STORING_TOKENS);
  }

  /**
   * Stores a slot's content, unless it is too short or stored already. Entries that it extends are removed.
   *
   * @param save writes the slot's content to a path and returns its size in bytes; if it fails, nothing is stored
   */
  async store(prefix: Prefix, save: (path: string) => Promise<number>): Promise<void> {
    if (!this.enabled || prefix.tokens.length < WORTH_STORING_TOKENS || this.#covers(prefix)) return;
    if (this.#estimate(prefix) > this.#limit()) return;
    const { promptTokens, exactTokens, headTokens } = prefix;
    const tokens = [...prefix.tokens];
    const file = await this.#write({ tokens, promptTokens, exactTokens, headTokens }, save);
    if (file === undefined) return;
    for (const entry of this.#entries) if (isPrefixOf(entry.tokens, tokens)) this.forget(entry);
    this.#add({ tokens, promptTokens, exactTokens, headTokens, ...file });
    this.#makeRoom();
  }

  /** Calls `load` with the path of an entry's state. Throws if that can't be loaded; the entry should be forgotten then. */
  async load({ path }: StoredPrefix, load: (path: string) => Promise<void>): Promise<void> {
    await (this.#files.kept?.open(path, load) ?? load(path));
  }

  touch(entry: StoredPrefix): void {
    if (!this.#entries.delete(entry)) return;
    this.#entries.add(entry);
    this.#files.kept?.touch(entry.path);
  }

  forget(entry: StoredPrefix): void {
    if (!this.#drop(entry)) return;
    this.#files.remove(entry.path);
  }

  /** Undefined if the file can't be written, such as on a full disk: the tokens are then evaluated again later. */
  async #write(
    prefix: Prefix,
    save: (path: string) => Promise<number>,
  ): Promise<{ readonly path: string; readonly sizeBytes: number } | undefined> {
    let path: string | undefined;
    try {
      path = this.#files.newPath();
      const sizeBytes = await save(path);
      return (await this.#files.kept?.seal(path, prefix)) ?? { path, sizeBytes };
    } catch {
      if (path !== undefined) this.#files.remove(path);
      return undefined;
    }
  }

  #add(entry: StoredPrefix): void {
    this.#entries.add(entry);
    this.#bytes += entry.sizeBytes;
  }

  #drop(entry: StoredPrefix): boolean {
    if (!this.#entries.delete(entry)) return false;
    this.#bytes -= entry.sizeBytes;
    return true;
  }

  /** Takes note of what other processes have stored and removed. */
  #look(): void {
    const news = this.#files.kept?.look();
    if (news === undefined) return;
    for (const entry of this.#entries) if (news.removed.has(entry.path)) this.#drop(entry);
    for (const entry of news.added) this.#add(entry);
  }

  #makeRoom(): void {
    const limit = this.#limit();
    for (const entry of this.#entries) {
      if (this.#bytes <= limit) break;
      this.forget(entry);
    }
  }

  #limit(): number {
    const free = this.#files.kept?.freeBytes() ?? Number.POSITIVE_INFINITY;
    return Math.min(this.#maxBytes, (free + this.#bytes) * DISK_SHARE);
  }

  /** The size of the prefix's file, as far as the entries tell. */
  #estimate({ tokens }: Prefix): number {
    let held = 0;
    for (const entry of this.#entries) held += entry.tokens.length;
    return held === 0 ? 0 : (this.#bytes / held) * tokens.length;
  }

  /** Whether an entry holds all of these tokens, except fewer than `slack`, at least as exactly. */
  #covers({ tokens, exactTokens }: Prefix, slack = 1): boolean {
    for (const entry of this.#entries) {
      const shared = commonPrefixLength(tokens, entry.tokens);
      if (shared > tokens.length - slack && entry.exactTokens > exactTokens - slack) return true;
    }
    return false;
  }
}

function isPrefixOf(a: readonly number[], b: readonly number[]): boolean {
  return a.length <= b.length && commonPrefixLength(a, b) === a.length;
}
