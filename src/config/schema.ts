import { z } from "zod";
import { access } from "./schema/access.ts";
import { cache } from "./schema/cache.ts";
import { computing } from "./schema/computing.ts";
import { connections } from "./schema/connections.ts";
import { limits } from "./schema/limits.ts";
import { memory } from "./schema/memory.ts";
import { models } from "./schema/models.ts";
import { operation } from "./schema/operation.ts";
import { servers } from "./schema/servers.ts";
import { sharing } from "./schema/sharing.ts";
import { state } from "./schema/state.ts";

/** All settings by what they are about, in the order of the help and the documents. */
export const schemaGroups = {
  "Address and access": access,
  "Models and names": models,
  "Other servers": servers,
  "Models in memory": memory,
  "How models compute": computing,
  "Limits of requests and answers": limits,
  "Cache and presets": cache,
  "Stored state": state,
  "Several gateways": sharing,
  "Connections and streams": connections,
  "Operation and logs": operation,
} as const;

/**
 * Every setting, once: the flags, the environment variables, the keys of `sluice.yaml` and the output of `sluice config` are all
 * made from this. Names are camelCase here and in the file, `--kebab-case` as flags, `SLUICE_SNAKE_CASE` in the environment.
 */
export const configSchema = z.strictObject({
  ...access,
  ...models,
  ...servers,
  ...memory,
  ...computing,
  ...limits,
  ...cache,
  ...state,
  ...sharing,
  ...connections,
  ...operation,
});

/** All settings, valid and complete. */
export type Config = z.infer<typeof configSchema>;
