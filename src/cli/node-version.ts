/** From this version Node runs TypeScript without a flag. https://nodejs.org/docs/latest-v22.x/api/typescript.html */
const SOURCE_NEEDS = [22, 18] as const;
/** What the built JavaScript needs, because undici does. */
const DIST_NEEDS = [22, 19] as const;

/** The message for a Node that is too old; undefined if it is new enough. `version` is `process.versions.node`. */
export function findNodeProblem(version: string, runsFromSource: boolean): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [neededMajor, neededMinor] = runsFromSource ? SOURCE_NEEDS : DIST_NEEDS;
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return undefined;
  const advice = runsFromSource
    ? "Start with `npm start`, which uses the Node that `npm ci` installed"
    : "Install Sluice without --omit=optional, which brings Node 24, or install a newer Node";
  return `Sluice needs Node ${neededMajor}.${neededMinor} or newer, and this is Node ${version}. ${advice}.`;
}
