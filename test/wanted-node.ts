import { findNodeProblem } from "../src/cli/node-version.ts";

/** Ends a run with an older Node by one sentence, where each test would fail with a message of its own. */
export default function setup(): void {
  const problem = findNodeProblem(process.versions.node, true);
  if (problem !== undefined) {
    throw new Error(`${problem} For tests: npm test, or put node_modules/.bin first in PATH.`);
  }
}
