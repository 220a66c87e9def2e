import type { Logger } from "pino";
import type { Config } from "../config/schema.ts";
import type { HostPolicy } from "../http/hosts.ts";
import type { RequestStop } from "../http/stop.ts";
import type { LocalModel } from "../models/index.ts";
import type { Engines } from "./engines.ts";
import type { ReadSettings } from "./reload.ts";

/** Models on this machine's disk, and how to serve them. */
export type GatewayOptions = {
  readonly config: Config;
  /** Those of the setting `model`. */
  readonly models: readonly LocalModel[];
  /** Those that are loaded when they are asked for. */
  readonly onDemand?: readonly LocalModel[];
  readonly logger: Logger;
  /** The processes of all models, if they already exist. */
  readonly engines?: Engines;
  /** Reads the settings again, for `reload`. It can't be reloaded if absent. Throws what is wrong with them. */
  readonly readAgain?: () => Promise<ReadSettings>;
  /** Has the process stop when an administrator asks for it; another program does that if absent. */
  readonly requestStop?: RequestStop;
  /** The names that `Host` may have while there are no keys; any if absent, such as when mounted in another app. */
  readonly hosts?: HostPolicy;
};

/** The settings that the gateway runs with: a reload puts others in their place. */
export type LiveSettings = { current: Config };
