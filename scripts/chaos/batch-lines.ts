/** A line of a batch's input. */
export type InputLine = { readonly custom_id: string; readonly body: object };

/** Of each so many lines, one repeats an earlier one and one is refused. */
const ONE_REPEATS_OF = 3;
const ONE_IS_REFUSED_OF = 50;
const LENGTHS = [1, 1, 1, 1, 1, 1, 2, 3, 4] as const;

/** The tokens of ordinary texts: below are those that templates use. */
const FIRST_TOKEN = 32;
const TOKENS = 49_000;

/** A random number above 0 and below 1 at each call, the same ones for the same seed. */
export function randomBy(seed: number): () => number {
  let state = (Math.abs(Math.trunc(seed)) % 2_147_483_646) + 1;
  const next = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  // The first ones of neighbouring seeds are alike.
  next();
  return next;
}

/**
 * Greedy completions of a token or two, so that there may be many. Some repeat an earlier one, so the cache may answer them, and some are
 * refused, so they belong into the error file.
 */
export function writeLines(count: number, model: string, random: () => number): readonly InputLine[] {
  const bodies: object[] = [];
  return Array.from({ length: count }, (_, index) => {
    const repeated = random() * ONE_REPEATS_OF < 1 ? bodies[Math.floor(random() * bodies.length)] : undefined;
    const tokens = [FIRST_TOKEN + (index % TOKENS), ...(index < TOKENS ? [] : [Math.floor(index / TOKENS)])];
    const body = repeated ?? {
      model,
      prompt: tokens,
      max_tokens: LENGTHS[Math.floor(random() * LENGTHS.length)],
      temperature: random() * ONE_IS_REFUSED_OF < 1 ? 99 : 0,
    };
    bodies.push(body);
    return { custom_id: `line-${index}`, body };
  });
}
