import type { Logger } from "pino";
import type { Link } from "../redis/link.ts";
import type { State } from "../store/state.ts";
import { createCounters } from "./counters.ts";
import { createFixedKeys, type ReplaceableKeys } from "./fixed.ts";
import { createMeter, type Meter } from "./meter.ts";
import { createKeyRing, type KeyRing } from "./ring.ts";
import { createUsageBook } from "./usage.ts";

/** Keys, their limits and their usage. */
export type Access = {
  readonly keys: KeyRing;
  readonly meter: Meter;
  /** Writes pending usage, so that it can be read. */
  readonly flush: () => void;
};

/** Access whose keys may be replaced by others: all but those of the state file, which are current anyway. */
export type LiveAccess = Access & Pick<ReplaceableKeys, "prepare">;

export type AccessOptions = {
  readonly config: { readonly keysFile: string; readonly apiKey: string };
  readonly state: Pick<State, "keys" | "usage">;
  /** Where several gateways share the counts of limits. */
  readonly redis?: Link | undefined;
  readonly logger: Logger;
};

/** Throws a `KeysFileError` if the file of keys is invalid. */
export function createAccess({ config, state, redis, logger }: AccessOptions): LiveAccess {
  const fixed = createFixedKeys({ ...config, logger });
  const keys = createKeyRing({ store: state.keys, fixed });
  const usage = createUsageBook({ store: state.usage, logger });
  const counters = createCounters(redis === undefined ? {} : { redis });
  const costSince = (key: string, day: string) => (state.usage.exists() ? state.usage.costSince(key, day) : 0);
  return { keys, meter: createMeter({ counters, usage, costSince }), prepare: fixed.prepare, flush: usage.flush };
}
