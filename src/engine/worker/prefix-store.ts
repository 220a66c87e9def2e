import { commonPrefixLength, type Prefix } from "./prefix.ts";

/** A prefix whose keys and values were moved out of the KV cache. */
export type StoredPrefix = Prefix & {
  readonly path: string;
  readonly sizeBytes: number;
};

/** Where the bytes go: `saveBytes` writes a slot's content to a file and returns its size. */
export type PrefixFiles = {
  readonly newPath: () => string;
  readonly remove: (path: string) => void;
};

/** Below this, evaluating again is as cheap as fetching. */
const WORTH_STORING_TOKENS = 64;

/**
 * Remembers what slots held before they were given to others, least recently used out first. It never holds more than `maxBytes`
 * for longer than one save, whose size is known only afterwards.
 */
export class PrefixStore {
  readonly #files: PrefixFiles;
  readonly #maxBytes: number;
  /** In order of use. */
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
   * Stores what a slot holds, unless it is not worth it or is stored already. What it goes on from is then forgotten.
   *
   * @param save writes the slot's content to a path and returns the bytes; where it fails, nothing is stored
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
      // A full disk costs the evaluation that would have been saved, nothing else.
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

  /** Marks an entry as just used. */
  touch(entry: StoredPrefix): void {
    if (this.#entries.delete(entry)) this.#entries.add(entry);
  }

  forget(entry: StoredPrefix): void {
    if (!this.#entries.delete(entry)) return;
    this.#bytes -= entry.sizeBytes;
    this.#files.remove(entry.path);
  }

  /** Whether an entry holds all of it already, and as exactly. */
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
