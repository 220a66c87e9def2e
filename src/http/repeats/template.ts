/** What differs in an answer's text each time it is sent. */
export type Marks = {
  /** The ids in it, each with what makes another of the same length. */
  readonly ids: readonly { readonly text: string; readonly renew: () => string }[];
  /** When it was made, if it says so, in Unix seconds. */
  readonly unixSeconds?: number;
};

/** An answer's bytes, and the places of what differs each time. */
export type Template = {
  readonly bytes: Buffer;
  readonly ids: readonly { readonly places: readonly number[]; readonly renew: () => string }[];
  readonly times: readonly number[];
};

/** The fields that hold the time. Within a string of JSON they can't occur, since its quotation marks are escaped. */
const TIME_FIELDS = ['"created":', '"created_at":', '"completed_at":'];

/**
 * Undefined if it is not certain what differs: if the time can also be a number that the client or the model wrote.
 *
 * @param asked the body of the request
 */
export function makeTemplate(bytes: Buffer, asked: Buffer, { ids, unixSeconds }: Marks): Template | undefined {
  const marked = ids.map(({ text, renew }) => ({ places: placesOf(bytes, text), renew }));
  if (marked.some(({ places }) => places.length === 0)) return undefined;
  if (unixSeconds === undefined) return { bytes, ids: marked, times: [] };
  const digits = String(unixSeconds);
  const times = placesOf(bytes, digits);
  const isField = (at: number) =>
    TIME_FIELDS.some((field) => bytes.toString("latin1", Math.max(0, at - field.length), at) === field);
  return times.every(isField) && !asked.includes(digits) ? { bytes, ids: marked, times } : undefined;
}

/** Writes the bytes with new ids and the time to the beginning of `filled`, which is long enough. */
export function fillTemplate({ bytes, ids, times }: Template, nowMs: number, filled: Buffer): void {
  filled.set(bytes);
  for (const { places, renew } of ids) write(filled, renew(), places);
  if (times.length > 0) write(filled, String(Math.floor(nowMs / 1_000)), times);
}

/** The memory that a template takes. */
export function sizeOf({ bytes, ids, times }: Template): number {
  return bytes.length + 8 * (times.length + ids.reduce((sum, { places }) => sum + places.length, 0));
}

function placesOf(bytes: Buffer, text: string): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(text, 0, "latin1"); at >= 0; at = bytes.indexOf(text, at + text.length, "latin1")) {
    places.push(at);
  }
  return places;
}

function write(bytes: Buffer, text: string, places: readonly number[]): void {
  const written = Buffer.from(text, "latin1");
  for (const place of places) bytes.set(written, place);
}
