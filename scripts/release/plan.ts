/** A file of the repository and what a release makes of it. */
export type Change = { readonly path: string; readonly before: string; readonly after: string };

const VERSION = /^(\d+)\.(\d+)\.(\d+)$/;

/** The files in which the version is told to people, besides package.json, the lockfile and the changelog. */
export const MENTIONING = [
  ...["Dockerfile", "compose.yaml", "deploy/compose/compose.yaml", "deploy/helm/sluice/Chart.yaml"],
  "docs/install.md",
] as const;

/**
 * The version that `word` stands for: `major`, `minor`, `patch`, or a version above `current`, which may also be `current` itself while it has not
 * been released. Throws an error that says what is allowed.
 */
export function nextVersion(current: string, word: string, isReleased: boolean): string {
  const [major, minor, patch] = partsOf(current);
  if (word === "major") return `${major + 1}.0.0`;
  if (word === "minor") return `${major}.${minor + 1}.0`;
  if (word === "patch") return `${major}.${minor}.${patch + 1}`;
  const isNext = compare(word, current) > 0 || (word === current && !isReleased);
  if (!isNext)
    throw new Error(`${word} is no version after ${current}. Give major, minor, patch, or a version such as 1.2.0.`);
  return word;
}

/** Moves what is under "Unreleased" to a section of its own. Throws if nothing is there. */
export function releaseChangelog(text: string, version: string, date: string): string {
  const [, head = "", body = "", rest = ""] =
    /^([\s\S]*?\n## \[Unreleased\]\n)([\s\S]*?)(?=\n## \[|$(?![\s\S]))([\s\S]*)$/.exec(text) ?? [];
  if (head === "") throw new Error("CHANGELOG.md has no section `## [Unreleased]`.");
  const entries = body.replace(/^\s*What will be \d+\.\d+\.\d+\.\s*\n/, "").trim();
  if (!/^- /m.test(entries)) throw new Error("CHANGELOG.md has nothing under `## [Unreleased]` to be released.");
  return `${head}\n## [${version}] - ${date}\n\n${entries}\n${rest}`;
}

/** Puts the new version in the place of the old one wherever it stands as ours: in a name with `sluice`, or as the chart's. */
export function mentionVersion(text: string, from: string, to: string): string {
  const old = from.replaceAll(".", "\\.");
  return text
    .replaceAll(new RegExp(`(sluice(?:-gateway)?[:-])${old}(?!\\d)`, "g"), `$1${to}`)
    .replaceAll(new RegExp(`^((?:app)?[vV]ersion: )${old}$`, "gm"), `$1${to}`);
}

/** The version in package.json or in the lockfile, which has it twice. */
function setVersion(json: string, from: string, to: string): string {
  const parsed: { version?: string; packages?: Record<string, { version?: string }> } = JSON.parse(json);
  if (parsed.version !== from) throw new Error(`The version is ${parsed.version}, and not ${from}.`);
  parsed.version = to;
  const own = parsed.packages?.[""];
  if (own !== undefined) own.version = to;
  return `${JSON.stringify(parsed, undefined, 2)}\n`;
}

/** All files that a release changes. */
export function planRelease(
  read: (path: string) => string,
  { from, to, date }: { readonly from: string; readonly to: string; readonly date: string },
): readonly Change[] {
  const change = (path: string, make: (text: string) => string): Change => {
    const before = read(path);
    return { path, before, after: make(before) };
  };
  return [
    change("package.json", (text) => setVersion(text, from, to)),
    change("package-lock.json", (text) => setVersion(text, from, to)),
    change("CHANGELOG.md", (text) => releaseChangelog(text, to, date)),
    ...MENTIONING.map((path) => change(path, (text) => mentionVersion(text, from, to))),
  ].filter(({ before, after }) => before !== after);
}

function partsOf(version: string): readonly [number, number, number] {
  const [, major, minor, patch] = VERSION.exec(version) ?? [];
  if (patch === undefined) throw new Error(`${version} is no version such as 1.2.0.`);
  return [Number(major), Number(minor), Number(patch)];
}

function compare(left: string, right: string): number {
  const [a, b] = [partsOf(left), partsOf(right)];
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
