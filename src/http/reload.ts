/** Names of things that were added, removed or changed. */
type Changes = {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
};

type Change = { readonly setting: string; readonly from?: unknown; readonly to?: unknown };

/** What a reload has changed. It holds no secrets: values are numbers, switches and words of a few. */
export type ReloadReport = {
  readonly settings: readonly Change[];
  readonly models: Changes;
  readonly upstreams: Changes;
  readonly aliases: Changes;
  readonly routes: Changes;
  readonly presets: Changes;
  readonly keys: Changes;
  /** What stays as it was until a restart; of one model, if `model` is there. */
  readonly waiting: readonly (Change & { readonly model?: string })[];
  /** What is in force but may not be meant, a sentence for each. */
  readonly warnings: readonly string[];
};

/** Reads the settings, the catalogue, the keys and the presets again, and takes all of them over, or none. Rejects with `ReloadError`. */
export type Reload = () => Promise<ReloadReport>;

/** What was read can't be used. All stays as it was. The message names what is wrong and holds no secrets. */
export class ReloadError extends Error {
  override readonly name = "ReloadError";
}

/** Whether anything was changed, or waits for a restart. */
export function hasChanges({ settings, waiting, warnings: _, ...parts }: ReloadReport): boolean {
  const lists = Object.values(parts).flatMap(({ added, removed, changed }) => [...added, ...removed, ...changed]);
  return settings.length + waiting.length + lists.length > 0;
}
