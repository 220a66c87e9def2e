import { type Flags, loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { type UpstreamModel, type UpstreamSettings, upstreamModels } from "../config/upstreams.ts";
import { PRIORITIES, type Priority } from "../generation/terms.ts";
import { parseDate, parseDuration } from "../keys/duration.ts";
import { parseAliases } from "../routing/aliases.ts";
import { chooseTargets, type Decision, NEEDS, type Need, type Route, type TargetState } from "../routing/policy.ts";
import { joinRoutes } from "../routing/routes.ts";
import { type CliContext, EXIT } from "./context.ts";
import { type CommandError, UsageError } from "./errors.ts";
import { nameServed } from "./fetch-models.ts";
import { formatTable } from "./table.ts";

/** A local model is taken to do what any can, since nothing is known of one that is not loaded. None reads images. */
const LOCAL_CAN = {
  text: true,
  embeddings: true,
  reranking: true,
  tools: true,
  schemas: true,
  logprobs: true,
  images: false,
};

/** As many tokens as an answer without a limit is estimated to have. */
const OPEN_ANSWER_TOKENS = 256;

/**
 * `sluice route`: lists the routes of the settings; with `--explain`, prints the order in which one would ask its targets for the request that the
 * flags describe, and why others are excluded. All targets count as ready, and as able to do what the settings say, unless `--url` names a running gateway. Throws a ConfigError, and a CommandError for an invalid flag.
 */
export async function route(flags: Flags, context: CliContext, now: () => number = Date.now): Promise<number> {
  if (typeof flags.url === "string") return (await import("./explain-running.ts")).explainRunning(flags, context);
  const { config } = loadConfig({ flags, env: context.env, cwd: context.cwd });
  const models = [...(await nameServed(config, context.cwd)), ...upstreamModels(config.upstreams).named];
  const routes = joinRoutes(config.routes, models);
  if (typeof flags.explain !== "string") {
    context.stdout.write(flags.json === true ? `${JSON.stringify(routes, null, 2)}\n` : listRoutes(routes));
    return EXIT.done;
  }
  const named = flags.explain.toLowerCase();
  const found = routes.find(({ name }) => name.toLowerCase() === named);
  if (found === undefined) {
    const known = routes.map(({ name }) => name).join(", ") || "none";
    throw new UsageError(`--explain: there is no route '${flags.explain}'. Routes: ${known}.`);
  }
  const decision = decide(found, flags, now(), await readTargets(found, config, models, flags));
  context.stdout.write(flags.json === true ? `${JSON.stringify(decision, null, 2)}\n` : explain(decision));
  return EXIT.done;
}

function listRoutes(routes: readonly Route[]): string {
  if (routes.length === 0) return "There are no routes. docs/routing.md says how to set them.\n";
  return formatTable([
    ["ROUTE", "TARGETS"],
    ...routes.map(({ name, targets }) => [name, targets.map(({ model }) => model).join(", ")]),
  ]);
}

function explain({ candidates, excluded }: Decision): string {
  return formatTable([
    ["", "TARGET", "REASON"],
    ...candidates.map(({ target, deferred = "" }, index) => [String(index + 1), target, deferred]),
    ...excluded.map(({ target, reason }) => ["-", target, `excluded: ${reason}`]),
  ]);
}

function decide(found: Route, flags: Flags, nowMs: number, targets: readonly (TargetState | undefined)[]): Decision {
  const text = (name: string) => (typeof flags[name] === "string" ? flags[name] : undefined);
  const key = text("key");
  return chooseTargets(found, {
    task: "text",
    nowMs: readTime(text("at")) ?? nowMs,
    class: oneOf<Priority>("--class", text("class") ?? "default", PRIORITIES),
    isLocalOnly: flags.localOnly === true,
    key: key === undefined ? [] : [key],
    usedShare: readNumber("--used", text("used")),
    preset: text("preset"),
    needs: (text("needs")?.split(",") ?? []).map((need) => oneOf<Need>("--needs", need.trim(), NEEDS)),
    ...readTokens(flags),
    session: text("session") ?? "",
    targets,
  });
}

type Named = { readonly id: string; readonly aliases: readonly string[] };

/** What is taken to be known of each target; undefined where no model has its name. */
async function readTargets(
  { targets }: Route,
  config: Config,
  models: readonly Named[],
  flags: Flags,
): Promise<readonly (TargetState | undefined)[]> {
  const costAt = await readCosts(config, flags);
  const { capabilitiesOf } = await import("../upstream/capabilities.ts");
  const { mayCome } = upstreamModels(config.upstreams);
  const aliases = parseAliases(config.aliases, models, mayCome);
  const waits = readWaits(flags.wait);
  return targets.map(({ model: name }) => {
    const wanted = name.toLowerCase();
    const real = aliases.find((alias) => alias.name.toLowerCase() === wanted)?.model ?? name;
    const found = models.find(({ id, aliases: own }) =>
      [id, ...own].some((one) => one.toLowerCase() === real.toLowerCase()),
    );
    if (found === undefined && !mayCome(real)) return undefined;
    const id = found?.id ?? real;
    const upstream = config.upstreams.find(({ name: prefix, models: own }) =>
      own === "all" ? id.toLowerCase().startsWith(`${prefix.toLowerCase()}/`) : Object.hasOwn(own, id),
    );
    const model = upstream && modelOf(upstream, id);
    return {
      ...{ id, isLocal: upstream?.local ?? true, state: "ready" },
      can: upstream === undefined ? LOCAL_CAN : capabilitiesOf(upstream, model ?? {}, undefined),
      contextTokens: model?.contextTokens ?? upstream?.contextTokens,
      firstTokenMs: waits.get(wanted) ?? waits.get(id.toLowerCase()),
      cost: upstream && costAt(upstream, id),
    };
  });
}

/** Returns what the request that the flags describe would cost at a model of an upstream. */
async function readCosts(
  { upstreams }: Config,
  flags: Flags,
): Promise<(upstream: UpstreamSettings, id: string) => number | undefined> {
  const { costAt, loadPrices } = await import("../gateway/upstream-prices.ts");
  const listedPrice = await loadPrices(upstreams);
  const { promptTokens: prompt, answerTokens: completion } = readTokens(flags);
  return (upstream, id) => {
    const model = modelOf(upstream, id);
    return model && costAt(upstream, model, listedPrice)({ prompt, cached: 0, completion })?.money;
  };
}

/** What the settings say of a model of an upstream. */
function modelOf({ name, models }: UpstreamSettings, id: string): UpstreamModel | undefined {
  return models === "all" ? { name: id.slice(name.length + 1) } : models[id];
}

function readTokens(flags: Flags): { readonly promptTokens: number; readonly answerTokens: number } {
  const text = (name: string) => (typeof flags[name] === "string" ? flags[name] : undefined);
  return {
    promptTokens: readNumber("--tokens", text("tokens")) ?? 0,
    answerTokens: readNumber("--answer-tokens", text("answerTokens")) ?? OPEN_ANSWER_TOKENS,
  };
}

function readWaits(given: Flags[string]): ReadonlyMap<string, number> {
  const entries = Array.isArray(given) ? given : typeof given === "string" ? [given] : [];
  return new Map(
    entries.map((entry: string) => {
      const end = entry.lastIndexOf("=");
      const ms = parseDuration(entry.slice(end + 1));
      if (end < 1 || ms === undefined) throw wrong("--wait", entry, "MODEL=TIME, such as small=5s");
      return [entry.slice(0, end).trim().toLowerCase(), ms];
    }),
  );
}

function readTime(text: string | undefined): number | undefined {
  const ms = text === undefined ? undefined : parseDate(text);
  if (text !== undefined && ms === undefined) throw wrong("--at", text, "a time such as 2026-11-29T23:00Z");
  return ms;
}

function readNumber(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\d{1,12}(\.\d{1,6})?$/.test(text) ? Number(text) : undefined;
  if (number === undefined) throw wrong(flag, text, "a number");
  return number;
}

function oneOf<Word extends string>(flag: string, text: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === text);
  if (found === undefined) throw wrong(flag, text, words.join(", "));
  return found;
}

function wrong(flag: string, text: string, allowed: string): CommandError {
  return new UsageError(`${flag}: ${JSON.stringify(text)} is not allowed. Give ${allowed}.`);
}
