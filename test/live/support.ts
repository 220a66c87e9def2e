import { createWatch, type Watch } from "../../src/generation/watch.ts";
import { createLive, type Live, type LiveSources } from "../../src/live/live.ts";
import { createFakeClock, type FakeClock } from "../fake-clock.ts";
import { servedModel } from "../fixtures/served-model.ts";

/** What is live of one idle model, on a clock that the test holds. */
export function createTestLive(overrides: Partial<LiveSources> = {}): {
  readonly clock: FakeClock;
  readonly live: Live;
  readonly watch: Watch;
  /** How many follow requests for it. */
  readonly follows: () => number;
} {
  const clock = createFakeClock();
  const watch = createWatch(clock.now);
  const model = servedModel({ id: "m", aliases: [], generate: async function* () {} });
  let follows = 0;
  const live = createLive({
    models: () => [model],
    batches: () => [],
    routes: () => [],
    cache: () => undefined,
    memory: () => ({ models: 5, budget: 10 }),
    follow(follow) {
      follows += 1;
      const forget = watch.follow(follow);
      return () => {
        follows -= 1;
        forget();
      };
    },
    states: { since: (seen) => ({ events: [], seen }), close() {} },
    nameOf: (tenant) => `name of ${tenant}`,
    version: "1.2.3",
    clock,
    now: () => 1_000_000 + clock.now(),
    ...overrides,
  });
  return { clock, live, watch, follows: () => follows };
}
