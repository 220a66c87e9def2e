import type { Parsing } from "./parsing.ts";

/** A marker, and the white space before it, which belongs to neither side. */
export type Met = { readonly marker: string; readonly space: string };

/** A text that arrives in pieces, read by a `Parsing`. Its generators wait if they need more text to decide. */
export class Source {
  #text = "";
  #ended = false;
  #sinceMark: string | undefined;

  feed(text: string): void {
    this.#text += text;
  }

  end(): void {
    this.#ended = true;
  }

  /** Whether all text has arrived and been read. */
  get isDone(): boolean {
    return this.#ended && this.#text === "";
  }

  /** Whether all text has arrived. */
  get isEnded(): boolean {
    return this.#ended;
  }

  /** Marks the position that `rewind` returns to. */
  mark(): void {
    this.#sinceMark = "";
  }

  /** Returns to the marked position, so that the text is read again. */
  rewind(): void {
    this.#text = (this.#sinceMark ?? "") + this.#text;
    this.#sinceMark = undefined;
  }

  /** Drops the mark. */
  commit(): void {
    this.#sinceMark = undefined;
  }

  #read(length: number): string {
    const read = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    if (this.#sinceMark !== undefined) this.#sinceMark += read;
    return read;
  }

  /** Reads `expected` if it comes next. */
  *take(expected: string): Parsing<boolean> {
    while (this.#text.length < expected.length && expected.startsWith(this.#text) && !this.#ended) yield;
    if (!this.#text.startsWith(expected)) return false;
    this.#read(expected.length);
    return true;
  }

  /** Like `take`, but if the text ends within `expected`, reads that part. */
  *takeCut(expected: string): Parsing<boolean> {
    if (yield* this.take(expected)) return true;
    if (!this.#ended || !expected.startsWith(this.#text)) return false;
    return this.#read(this.#text.length) !== "";
  }

  /** Returns the next character without reading it; "" at the end. */
  *peek(): Parsing<string> {
    while (this.#text === "" && !this.#ended) yield;
    return this.#text.slice(0, 1);
  }

  /** Reads white space. */
  *skipSpace(): Parsing<string> {
    let skipped = "";
    for (;;) {
      const at = this.#text.search(/\S/);
      skipped += this.#read(at < 0 ? this.#text.length : at);
      if (at >= 0 || this.#ended) return skipped;
      yield;
    }
  }

  /** Reads all text that has arrived, at least one character; "" at the end. */
  *some(): Parsing<string> {
    while (this.#text === "" && !this.#ended) yield;
    return this.#read(this.#text.length);
  }

  /** Waits for the end of the text and reads the rest, except for a prefix of `marker` at the end. `cut` is that prefix's length. */
  *rest(marker: string): Parsing<{ readonly text: string; readonly cut: number }> {
    while (!this.#ended) yield;
    const cut = beginningAtEnd([marker], this.#text);
    const text = this.#text.slice(0, this.#text.length - cut);
    this.#read(this.#text.length);
    return { text, cut };
  }

  /** Puts back text that was just read. */
  unread(text: string): void {
    this.#text = text + this.#text;
    if (this.#sinceMark !== undefined) this.#sinceMark = this.#sinceMark.slice(0, this.#sinceMark.length - text.length);
  }

  /** Reads up to and including the first of `markers`. If there is none, reads nothing and returns undefined. */
  *upTo(markers: readonly string[]): Parsing<{ readonly text: string; readonly marker: string } | undefined> {
    for (;;) {
      const found = firstOf(markers, this.#text);
      if (found !== undefined) {
        const text = this.#read(found.at);
        this.#read(found.marker.length);
        return { text, marker: found.marker };
      }
      if (this.#ended) return undefined;
      yield;
    }
  }

  /**
   * Yields the text before the first of `markers` as events of `type`, reads the marker, and returns it. Without a marker, yields the whole
   * rest. White space is held back until it is known whether a marker follows.
   */
  *until(type: "text" | "reasoning" | "arguments", markers: readonly string[]): Parsing<Met | undefined> {
    for (;;) {
      const found = firstOf(markers, this.#text);
      if (found !== undefined) {
        const before = this.#read(found.at);
        const text = before.trimEnd();
        if (text !== "") yield { type, text };
        this.#read(found.marker.length);
        return { marker: found.marker, space: before.slice(text.length) };
      }
      if (this.#ended) {
        if (this.#text !== "") yield { type, text: this.#read(this.#text.length) };
        return undefined;
      }
      const safe = this.#text.slice(0, this.#text.length - beginningAtEnd(markers, this.#text)).trimEnd();
      if (safe !== "") yield { type, text: this.#read(safe.length) };
      yield;
    }
  }
}

/** Finds the first marker in `text`; of two at the same place, the longer. */
function firstOf(
  markers: readonly string[],
  text: string,
): { readonly at: number; readonly marker: string } | undefined {
  let first: { at: number; marker: string } | undefined;
  for (const marker of markers) {
    const at = text.indexOf(marker);
    if (at < 0) continue;
    if (first === undefined || at < first.at || (at === first.at && marker.length > first.marker.length)) {
      first = { at, marker };
    }
  }
  return first;
}

/** Returns how many characters at the end of `text` may begin a marker. */
function beginningAtEnd(markers: readonly string[], text: string): number {
  let longest = 0;
  for (const marker of markers) {
    for (let length = Math.min(marker.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(marker.slice(0, length))) longest = length;
    }
  }
  return longest;
}
