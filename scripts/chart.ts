/**
 * Renders the chart with each of its files of values to `test/deploy/rendered/`, and checks it against Kubernetes' schemas: `npm run chart`. Needs
 * `helm`, and `kubernetes-validate`, a Python package that brings the schemas with it (kubeconform has to fetch them).
 */
import { execFileSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHART, digestOfChart, headOf, RENDERED } from "./chart/digest.ts";

/** What each rendering has beside its values: all that can be turned on. */
const EXTRAS = [
  ...["auth.existingSecret=sluice", "redis.existingSecret=valkey", "keda.enabled=true", "podMonitor.enabled=true"],
  "persistence.enabled=true",
];
const KUBERNETES = "1.31.0";

const digest = digestOfChart();
helm("lint", CHART, "--set", "auth.insecure=true");
for (const values of readdirSync(join(CHART, "values")).sort()) {
  const sets = EXTRAS.flatMap((each) => ["--set", each]);
  const text = helm(
    "template",
    "gate",
    CHART,
    "--namespace",
    "models",
    "--values",
    join(CHART, "values", values),
    ...sets,
  );
  const file = join(RENDERED, values);
  writeFileSync(file, headOf(digest) + text);
  run("kubernetes-validate", "--strict", "--quiet", "--no-warn", "--kubernetes-version", "1.37", file);
  process.stdout.write(`${values}: rendered\n`);
}

function helm(command: string, ...args: readonly string[]): string {
  return run("helm", command, "--kube-version", KUBERNETES, ...args);
}

function run(program: string, ...args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw isMissing
      ? new Error(
          `There is no ${program}. Install it: go install helm.sh/helm/v3/cmd/helm@v3.22.0, or pip install kubernetes-validate==1.37.0.`,
        )
      : error;
  }
}
