/** So many times are kept. When there are more, each second one is dropped, as often as that is needed. */
const MOST = 512;

/** Notes the times at which the pieces of an answer came, in bounded memory. A class, since it is made for each request: its functions are not. */
export class Steps {
  readonly #at: number[] = [];
  #stride = 1;
  #pieces = 0;
  #lastMs = 0;
  #longestMs = 0;
  #longestAtMs = 0;

  /** In tenths of a ms since the request began: of each `stride`-th piece. */
  get at(): readonly number[] {
    return this.#at;
  }
  /** Each time stands for so many pieces. */
  get stride(): number {
    return this.#stride;
  }
  get pieces(): number {
    return this.#pieces;
  }
  /** The longest time between two pieces, in ms, and when it ended, in ms since the request began. */
  get longestMs(): number {
    return this.#longestMs;
  }
  get longestAtMs(): number {
    return this.#longestAtMs;
  }

  /** @param sinceMs since the request began */
  note(sinceMs: number): void {
    if (this.#pieces > 0 && sinceMs - this.#lastMs > this.#longestMs) {
      this.#longestMs = sinceMs - this.#lastMs;
      this.#longestAtMs = sinceMs;
    }
    this.#lastMs = sinceMs;
    if (this.#pieces % this.#stride === 0) this.#keep(Math.round(sinceMs * 10));
    this.#pieces += 1;
  }

  #keep(tenths: number): void {
    if (this.#at.length === MOST) {
      for (let index = 0; 2 * index < MOST; index++) this.#at[index] = this.#at[2 * index] ?? 0;
      this.#at.length = MOST / 2;
      this.#stride *= 2;
      // The piece that comes now is the first of the next stride.
    }
    this.#at.push(tenths);
  }
}
