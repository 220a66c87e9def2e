import { nameSetting, type Origin, type Setting, settings, type Written, whereOf } from "./settings.ts";

/** Names that settings once had, each with the key of the setting that has its place now. */
const FORMER_NAMES: ReadonlyMap<string, string> = new Map([
  ["cacheRedisUrl", "redisUrl"],
  ["cacheRedisTimeoutMs", "redisTimeoutMs"],
]);

/** The former names, each as a setting with the key and the rules of today's. They are read, and shown in no list. */
export const formerSettings: readonly Setting[] = [...FORMER_NAMES].map(([name, key]) => ({
  ...settingOf(key),
  ...nameSetting(name),
}));

/** Values under today's keys, the weakest first, and what to say about the former names. */
type Renamed = {
  readonly written: readonly Written[];
  readonly warnings: readonly string[];
  readonly problems: readonly string[];
};

/**
 * Takes what stands under former names for today's, where nothing stands under these. The values have been checked.
 *
 * `cacheRedisUrl` was a server of the cache's own. It becomes `redisUrl`, and `redisShares` says what that server was for, so that nothing
 * is shared that was not shared before. Two different servers are a problem, unless `redisShares` says what `redisUrl` is for.
 */
export function replaceFormerNames(all: readonly Written[]): Renamed {
  const former = all.filter(({ setting }) => formerSettings.includes(setting));
  const current = all.filter(({ setting }) => !formerSettings.includes(setting));
  const url = lastUrl(former);
  const currentUrl = lastUrl(current);
  const isSaid = url === undefined || current.some(({ setting }) => setting.key === "redisShares");
  if (url && currentUrl && !isSaid && hrefOf(url) !== hrefOf(currentUrl)) {
    return { written: current, warnings: [], problems: [tellTwoServers(url, currentUrl)] };
  }
  const shares = currentUrl === undefined ? ["answers"] : ["limits", "answers"];
  const implied = isSaid ? [] : [{ setting: settingOf("redisShares"), value: shares, origin: url.origin }];
  // An empty URL meant that nobody counts together; the cache had its own all the same.
  const others = current.filter(
    ({ setting, value }) => url === undefined || setting.key !== "redisUrl" || value !== "",
  );
  const warnings = former.map((entry) => tellFormer(entry, entry === url && !isSaid ? shares : []));
  return { written: [...former, ...implied, ...others], warnings, problems: [] };
}

/** The strongest of them; undefined where that names no server. */
function lastUrl(written: readonly Written[]): Written | undefined {
  const last = written.findLast(({ setting }) => setting.key === "redisUrl");
  return last?.value === "" ? undefined : last;
}

/** The database 0 is the one that a URL without a path means. */
function hrefOf({ value }: Written): string {
  return new URL(String(value)).href.replace(/\/0?$/, "");
}

function tellFormer({ setting, origin }: Written, shares: readonly string[]): string {
  const name = nameAt(origin, settingOf(setting.key));
  const also = shares.length === 0 ? "" : ` and \`${writeShares(origin, shares)}\``;
  return `${whereOf({ setting, origin })} has another name now. Write ${name}${also} instead.`;
}

function tellTwoServers(url: Written, current: Written): string {
  const way = `set ${nameAt(url.origin, settingOf("redisShares"))} to limits and answers to share both there, or to limits alone`;
  return `${whereOf(url)} and ${whereOf(current)} name different servers, and one serves for all now. Keep ${nameAt(current.origin, current.setting)}, and ${way}.`;
}

function writeShares(origin: Origin, shares: readonly string[]): string {
  const name = nameAt(origin, settingOf("redisShares"));
  if (origin.source === "file") return `${name}: [${shares.join(", ")}]`;
  return origin.source === "flag" ? shares.map((share) => `${name} ${share}`).join(" ") : `${name}=${shares.join(",")}`;
}

/** What a setting is called where the value came from. */
function nameAt({ source }: Origin, { name, flag, variable }: Setting): string {
  if (source === "flag") return flag;
  return source === "environment" ? variable : name;
}

function settingOf(key: string): Setting {
  const setting = settings.find((each) => each.key === key);
  if (setting === undefined) throw new Error(`There is no setting ${key}.`);
  return setting;
}
