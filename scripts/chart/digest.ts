import { hash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folders of the chart, and of what it was rendered to. */
export const CHART = fileURLToPath(new URL("../../deploy/helm/sluice", import.meta.url));
export const RENDERED = fileURLToPath(new URL("../../test/deploy/rendered", import.meta.url));

/** Changes with every file of the chart. */
export function digestOfChart(): string {
  const files = readdirSync(CHART, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
  const parts = files.map((file) => `${file.slice(CHART.length)}\n${readFileSync(file, "utf8")}`);
  return hash("sha256", parts.join("\n"), "hex");
}

/** The first line of what was rendered. */
export function headOf(digest: string): string {
  return `# Rendered by \`npm run chart\` from the chart with the digest ${digest}\n`;
}
