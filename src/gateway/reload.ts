import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import type { Config } from "../config/schema.ts";
import { takeOver } from "../config/take-over.ts";
import { upstreamModels } from "../config/upstreams.ts";
import { isDefect } from "../defect.ts";
import type { Backend } from "../generation/backend.ts";
import { hasChanges, type Reload, ReloadError, type ReloadReport } from "../http/reload.ts";
import type { LiveAccess } from "../keys/access.ts";
import type { FolderPresets } from "../prompts/library.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import { unservedTargets } from "../routing/routes.ts";
import type { AnswerLengths } from "./answer-lengths.ts";
import { type Changes, changesBetween } from "./changes.ts";
import type { Departures } from "./departures.ts";
import type { GivenModel } from "./engines.ts";
import type { LocalModels } from "./local-models.ts";
import type { Upstreams } from "./upstreams.ts";

/** Settings as they are now, and the models that they name. */
export type ReadSettings = {
  readonly config: Config;
  readonly models: readonly GivenModel[];
  /** What is not as its writer may think, a sentence for each. The reader has logged them. */
  readonly warnings?: readonly string[];
};

export type ReloadOptions = {
  /** Reads the settings and finds the models. Throws what is wrong with them. */
  readonly read: () => Promise<ReadSettings>;
  /** The settings that the gateway runs with. */
  readonly config: () => Config;
  readonly setConfig: (config: Config) => void;
  /** The upstreams; opens them if there were none. */
  readonly upstreams: (isNeeded: boolean) => Promise<Upstreams | undefined>;
  readonly locals: LocalModels;
  readonly presets: FolderPresets;
  readonly access: LiveAccess;
  readonly lengths: AnswerLengths;
  readonly directory: ModelDirectory;
  readonly departures: Pick<Departures, "see">;
  readonly logger: Logger;
};

/** What is taken over while the gateway runs. */
export type LiveReload = {
  readonly reload: Reload;
  /** Looks at the models' versions again, with the settings that are in force. Takes its turn among reloads. @param first what is done then */
  readonly lookAgain: (first?: () => void) => Promise<void>;
};

/**
 * Returns a function that reads everything again, and takes all of it over, or none. First all parts are prepared, which may take time and may fail;
 * then all are committed in one turn of the event loop. So each request sees the settings from before or those from after. One reload runs at a
 * time. Those that are asked for meanwhile are one: the next.
 */
export function createReload(options: ReloadOptions): LiveReload {
  const { logger } = options;
  /** Settles when the last of those whose turn is now or later has ended. */
  let last: Promise<void> | undefined;
  let running: Promise<ReloadReport> | undefined;
  let next: Promise<ReloadReport> | undefined;

  async function run(): Promise<ReloadReport> {
    try {
      const report = await inTurn(() => reloadOnce(options));
      if (hasChanges(report)) logger.info({ reload: toldOf(report) }, "the settings were reloaded");
      else logger.info("the settings have not changed");
      return report;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      // The stack of what is wrong with the settings tells nobody anything.
      const causes: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
      const why = causes.some(isDefect) ? { err: error } : {};
      logger.error(
        why,
        `the settings can't be reloaded, so all stays as it was. ${reason.replaceAll(/\s*\n\s*/g, " ")}`,
      );
      throw new ReloadError(reason, { cause: error });
    }
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const own = last === undefined ? work() : last.then(work);
    const ended = own
      .catch(() => {})
      .then(() => {
        if (last === ended) last = undefined;
      });
    last = ended;
    return own;
  }

  function begin(): Promise<ReloadReport> {
    const own = run().finally(() => {
      if (running === own) running = undefined;
    });
    running = own;
    return own;
  }

  return {
    reload() {
      if (running === undefined) return begin();
      next ??= running
        .catch(() => {})
        .then(() => {
          next = undefined;
          return begin();
        });
      return next;
    },
    lookAgain: (first) =>
      inTurn(async () => {
        first?.();
        await lookAgain(options);
      }),
  };
}

/** What there is to tell, without empty lists. Warnings have lines of their own. */
function toldOf({ settings, waiting, warnings: _, ...parts }: ReloadReport): object {
  const told = Object.entries(parts)
    .map(([part, lists]) => [part, withoutEmpty(lists)] as const)
    .filter(([, lists]) => Object.keys(lists).length > 0);
  return { ...withoutEmpty({ settings, waiting }), ...Object.fromEntries(told) };
}

function withoutEmpty(lists: Readonly<Record<string, readonly unknown[]>>): object {
  return Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0));
}

async function reloadOnce(options: ReloadOptions): Promise<ReloadReport> {
  const { read, locals, presets, access, lengths, directory, departures, logger } = options;
  const now = await read();
  const before = options.config();
  const { config, changed, waiting } = takeOver(before, now.config);
  const upstreams = await options.upstreams(config.upstreams.length > 0);
  const [models, servers, texts] = await allOrNone(
    locals.prepare(config, now.models, directory.added()),
    upstreams?.prepare(config.upstreams),
    presets.prepare(),
  );
  try {
    // From here on nothing waits, so that nothing changes between a check and its commit.
    const keys = access.prepare(config);
    const { mayCome } = upstreamModels(config.upstreams);
    const names = prepareNames(options, config, models.backends, upstreams, servers);
    const commitLengths = lengths.prepare(config, names.given);

    options.setConfig(config);
    models.commit();
    keys.commit();
    texts.commit();
    const left = names.commit();
    const closed = servers?.commit(directory) ?? Promise.resolve();
    for (const each of left) departures.see(each, closed, locals.isServed);
    commitLengths();
    models.load();
    const unserved = unservedTargets(config.routes, directory.list(), mayCome).map(
      (target) => `A route has a target that is not served now: ${target}.`,
    );
    for (const warning of [...models.warnings, ...unserved]) logger.warn(warning);
    return {
      // What some model keeps as it was is told as waiting.
      settings: changed.filter(
        ({ setting }) => !TOLD_APART.has(setting) && isInForce(setting, models.waiting, [before, config]),
      ),
      models: models.changes,
      upstreams: servers?.changes ?? changesBetween<string>([], [], String),
      aliases: compareAliases(before.aliases, config.aliases),
      routes: changesBetween(before.routes, config.routes, ({ name }) => name, isDeepStrictEqual),
      presets: texts.changes,
      keys: keys.changes,
      waiting: [...waiting, ...models.waiting],
      warnings: [...(now.warnings ?? []), ...models.warnings, ...unserved],
    };
  } catch (error) {
    await Promise.all([models.discard(), servers?.discard()]);
    throw error;
  }
}

/** Takes over the versions of local models as they are now, and nothing else. */
async function lookAgain(options: ReloadOptions): Promise<void> {
  const { locals, directory, departures } = options;
  const config = options.config();
  const upstreams = await options.upstreams(false);
  const models = await locals.prepare(config, locals.wanted(), directory.added());
  try {
    const names = prepareNames(options, config, models.backends, upstreams, upstreams);
    models.commit();
    for (const each of names.commit()) departures.see(each, Promise.resolve(), locals.isServed);
    models.load();
  } catch (error) {
    await models.discard();
    throw error;
  }
}

type Servers = Pick<Upstreams, "named" | "listed" | "awaited">;

/** @param now the upstreams that serve. @param next those that will */
function prepareNames(
  { locals, directory }: ReloadOptions,
  config: Config,
  backends: readonly Backend[],
  now: Servers | undefined,
  next: Servers | undefined,
): ReturnType<ModelDirectory["prepare"]> {
  const { mayCome } = upstreamModels(config.upstreams);
  const given = [...backends, ...(next?.named() ?? [])];
  // The models that were pulled, and those that upstreams list.
  const earlier = [...locals.backends(), ...(now?.named() ?? []), ...(now?.listed() ?? [])];
  const pulled = directory.added().filter((backend) => !earlier.includes(backend) && !given.includes(backend));
  const taken = new Set([...given, ...pulled].map(({ id }) => id.toLowerCase()));
  const others = [...pulled, ...(next?.listed() ?? []).filter(({ id }) => !taken.has(id.toLowerCase()))];
  return directory.prepare(given, others, { ...config, mayCome, ...(next && { awaited: next.awaited }) });
}

/** Whether no model keeps the former value; for `perModel`, whether any of its entries that differ is in force. */
function isInForce(
  setting: string,
  waiting: readonly { readonly setting: string }[],
  [before, after]: readonly [Config, Config],
): boolean {
  const waits = (name: string) => waiting.some((each) => each.setting === name);
  if (setting !== "perModel") return !waits(setting);
  const [old, now] = [before.perModel, after.perModel];
  const differing = [...old.filter((entry) => !now.includes(entry)), ...now.filter((entry) => !old.includes(entry))];
  return differing.some((entry) => !waits(/\.([A-Za-z]+)=/.exec(entry)?.[1] ?? ""));
}

/** Settings whose entries are told one by one. */
const TOLD_APART: ReadonlySet<string> = new Set(["model", "onDemand", "upstreams", "aliases", "routes"]);

function compareAliases(before: readonly string[], after: readonly string[]): Changes {
  return changesBetween(
    before,
    after,
    (text) => text.slice(0, text.indexOf("=")).trim(),
    (a, b) => a === b,
  );
}

type Discardable = { readonly discard: () => Promise<void> };

/** As `Promise.all`, but waits for all of them, frees what was opened in vain, and tells of all problems. */
async function allOrNone<A extends Discardable, B extends Discardable | undefined, C>(
  ...parts: readonly [Promise<A>, Promise<B> | undefined, Promise<C>]
): Promise<[A, B | undefined, C]> {
  const [a, b, c] = await Promise.allSettled(parts);
  if (a.status === "fulfilled" && b.status === "fulfilled" && c.status === "fulfilled")
    return [a.value, b.value, c.value];
  await Promise.all([a, b].map((result) => (result.status === "fulfilled" ? result.value?.discard() : undefined)));
  const errors = [a, b, c].flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  if (errors.length === 1) throw errors[0];
  throw new AggregateError(
    errors,
    errors.map((error) => (error instanceof Error ? error.message : String(error))).join("\n"),
  );
}
