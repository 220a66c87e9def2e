/** No probability is smaller: what a model rules out altogether counts as this, so that a mean stays a number. */
const LEAST_LOGPROB = -9999;

/** A row of logits, normalized. */
export type Row = {
  readonly logits: Float32Array;
  /** The logarithm of the sum of all exp(logit). */
  readonly normalizer: number;
  readonly top: number;
};

/** Reads a row of logits once. */
export function readRow(logits: Float32Array): Row {
  let top = 0;
  let largest = Number.NEGATIVE_INFINITY;
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token] ?? 0;
    if (logit > largest) {
      largest = logit;
      top = token;
    }
  }
  let sum = 0;
  for (let token = 0; token < logits.length; token++) sum += Math.exp((logits[token] ?? 0) - largest);
  return { logits, normalizer: largest + Math.log(sum), top };
}

/** How badly a token was predicted: minus the logarithm of its probability, in nats. */
export function lossOf(row: Row, token: number): number {
  return -bounded((row.logits[token] ?? Number.NaN) - row.normalizer);
}

/** The Kullback–Leibler divergence of `row` from `reference`, over the whole vocabulary, in nats. */
export function divergenceOf(reference: Row, row: Row): number {
  let sum = 0;
  for (let token = 0; token < row.logits.length; token++) {
    const expected = (reference.logits[token] ?? Number.NaN) - reference.normalizer;
    const probability = Math.exp(expected);
    if (probability > 0) sum += probability * (expected - bounded((row.logits[token] ?? Number.NaN) - row.normalizer));
  }
  // Rounding may leave less than nothing.
  return Math.max(0, sum);
}

function bounded(logprob: number): number {
  return Math.max(logprob, LEAST_LOGPROB);
}
