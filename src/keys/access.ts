import type { Logger } from "pino";
import type { State } from "../store/state.ts";
import { createCounters } from "./counters.ts";
import { createFixedKeys } from "./fixed.ts";
import { createMeter, type Meter } from "./meter.ts";
import { closeRedis, connectRedis } from "./redis.ts";
import { createKeyRing, type KeyRing } from "./ring.ts";
import { createUsageBook } from "./usage.ts";

/** Who may ask, for how much, and who has. */
export type Access = {
  readonly keys: KeyRing;
  readonly meter: Meter;
  /** Writes down what is not written yet, so that usage can be told. */
  readonly flush: () => void;
  /** Writes down what is not written yet, and lets go of Redis. Once nothing runs any more. */
  readonly close: () => void;
};

export type AccessOptions = {
  readonly config: { readonly keysFile: string; readonly apiKey: string; readonly redisUrl: string };
  readonly state: Pick<State, "keys" | "usage">;
  readonly logger: Logger;
};

/** Throws a `KeysFileError` where the file of keys is wrong. */
export async function createAccess({ config, state, logger }: AccessOptions): Promise<Access> {
  const keys = createKeyRing({ store: state.keys, fixed: createFixedKeys({ ...config, logger }) });
  const redis = config.redisUrl === "" ? undefined : await connectRedis(config.redisUrl, logger);
  const usage = createUsageBook({ store: state.usage, logger });
  const counters = createCounters(redis === undefined ? {} : { redis });
  return {
    keys,
    meter: createMeter({ counters, usage }),
    flush: usage.flush,
    close() {
      usage.flush();
      if (redis !== undefined) closeRedis(redis);
    },
  };
}
