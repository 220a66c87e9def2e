/** What decoding must know of the model that a request is for. */
export type Destination = {
  /** Whether another server has it, which may enforce schemas and patterns that can't be enforced here. */
  readonly isElsewhere: boolean;
  readonly readsImages: boolean;
};

/** A text model of this machine. */
const HERE: Destination = { isElsewhere: false, readsImages: false };

let current = HERE;

/** Decodes for a model. `decode` must be synchronous. */
export function decodeFor<T>(destination: Destination, decode: () => T): T {
  const outer = current;
  current = destination;
  try {
    return decode();
  } finally {
    current = outer;
  }
}

/** What the request is for that is being decoded; outside of `decodeFor`, a text model of this machine. */
export function destination(): Destination {
  return current;
}
