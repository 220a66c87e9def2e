import { commonPrefixLength, type Prefix } from "./prefix.ts";

/** A prefix whose part of the KV cache was saved to a file. */
export type StoredPrefix = Prefix & {
  readonly path: string;
  readonly sizeBytes: number;
};

/** The files of stored prefixes. */
export type PrefixFiles = {
  readonly newPath: () => string;
  readonly remove: (path: string) => void;
};

/** Shorter prefixes are evaluated again as fast as they are loaded. */
const WORTH_STORING_TOKENS = 64;

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
  }

  get enabled(): boolean {
    return this.#maxBytes > 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  list(): readonly StoredPrefix[] {
    return [...this.#entries];
  }

  /**
   * Stores a slot's content, unless it is too short or stored already. Entries that it extends are removed.
   *
   * @param save writes the slot's content to a path and returns its size in bytes; if it fails, nothing is stored
   */
  async store(prefix: Prefix, save: (path: string) => Promise<number>): Promise<void> {
    if (!this.enabled || prefix.tokens.length < WORTH_STORING_TOKENS || this.#covers(prefix)) return;
    const path = this.#files.newPath();
    const { promptTokens, exactTokens, headTokens } = prefix;
    const tokens = [...prefix.tokens];
    let sizeBytes: number;
    try {
      sizeBytes = await save(path);
    } catch {
      // With a full disk, the tokens are evaluated again later.
      this.#files.remove(path);
      return;
    }
    for (const entry of this.#entries) if (isPrefixOf(entry.tokens, tokens)) this.forget(entry);
    this.#entries.add({ tokens, promptTokens, exactTokens, headTokens, path, sizeBytes });
    this.#bytes += sizeBytes;
    for (const entry of this.#entries) {
      if (this.#bytes <= this.#maxBytes) break;
      this.forget(entry);
    }
  }

  touch(entry: StoredPrefix): void {
    if (this.#entries.delete(entry)) this.#entries.add(entry);
  }

  forget(entry: StoredPrefix): void {
    if (!this.#entries.delete(entry)) return;
    this.#bytes -= entry.sizeBytes;
    this.#files.remove(entry.path);
  }

  /** Whether an entry holds all of these tokens, at least as exactly. */
  #covers(prefix: Prefix): boolean {
    for (const entry of this.#entries) {
      if (isPrefixOf(prefix.tokens, entry.tokens) && entry.exactTokens >= prefix.exactTokens) return true;
    }
    return false;
  }
}

function isPrefixOf(a: readonly number[], b: readonly number[]): boolean {
  return a.length <= b.length && commonPrefixLength(a, b) === a.length;
}
