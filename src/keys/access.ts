import type { Logger } from "pino";
import type { Link } from "../redis/link.ts";
import type { State } from "../store/state.ts";
import { createCounters } from "./counters.ts";
import { createFixedKeys } from "./fixed.ts";
import { createMeter, type Meter } from "./meter.ts";
import { createKeyRing, type KeyRing } from "./ring.ts";
import { createUsageBook } from "./usage.ts";

/** Who may ask, for how much, and who has. */
export type Access = {
  readonly keys: KeyRing;
  readonly meter: Meter;
  /** Writes down what is not written yet, so that usage can be told. */
  readonly flush: () => void;
};

export type AccessOptions = {
  readonly config: { readonly keysFile: string; readonly apiKey: string };
  readonly state: Pick<State, "keys" | "usage">;
  /** Where several gateways count limits together. */
  readonly redis?: Link | undefined;
  readonly logger: Logger;
};

/** Throws a `KeysFileError` where the file of keys is wrong. */
export function createAccess({ config, state, redis, logger }: AccessOptions): Access {
  const keys = createKeyRing({ store: state.keys, fixed: createFixedKeys({ ...config, logger }) });
  const usage = createUsageBook({ store: state.usage, logger });
  const counters = createCounters(redis === undefined ? {} : { redis });
  return { keys, meter: createMeter({ counters, usage }), flush: usage.flush };
}
