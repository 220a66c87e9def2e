/** The limits of a JSON text, so that reading it doesn't block others. */
export type JsonLimits = {
  /** Nesting of objects and arrays. */
  readonly depth: number;
  /** The members of all objects. Each may have a name of its own, which V8 has to find a place for: 0.4 µs. */
  readonly members: number;
  /** The members of one object: to list so many takes 10 ms. */
  readonly names: number;
  /** The elements of all arrays, except numbers. */
  readonly elements: number;
  /** The numbers in arrays, such as token ids. Where they are passed on, they count as elements. */
  readonly numbers: number;
  /** The numbers that are passed on and that JavaScript would write in another way. Each is kept as it was written: 1 µs. */
  readonly exact: number;
  /** Characters of one number. */
  readonly digits: number;
};

/** The limits of a request's body: more than fits in any model's context. */
export const BODY_LIMITS: JsonLimits = {
  depth: 256,
  members: 50_000,
  names: 10_000,
  elements: 100_000,
  numbers: 2_000_000,
  exact: 10_000,
  digits: 1_000,
};

/** The limits of a line whose object holds a request's body: it has a level and some members more. */
export const LINE_LIMITS: JsonLimits = {
  ...BODY_LIMITS,
  depth: BODY_LIMITS.depth + 1,
  members: BODY_LIMITS.members + 16,
};

/** The limits of a string that holds JSON, such as a call's arguments. */
export const TEXT_LIMITS: JsonLimits = {
  depth: 250,
  members: 20_000,
  names: 10_000,
  elements: 20_000,
  numbers: 20_000,
  exact: 10_000,
  digits: 1_000,
};

/** For text that was already checked. */
export const UNBOUNDED: JsonLimits = {
  depth: Number.POSITIVE_INFINITY,
  members: Number.POSITIVE_INFINITY,
  names: Number.POSITIVE_INFINITY,
  elements: Number.POSITIVE_INFINITY,
  numbers: Number.POSITIVE_INFINITY,
  exact: Number.POSITIVE_INFINITY,
  digits: Number.POSITIVE_INFINITY,
};
