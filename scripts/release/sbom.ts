import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";

const FORMATS = { cyclonedx: "cdx", spdx: "spdx" } as const;

const manifestSchema = z.looseObject({ devDependencies: z.unknown() });
const lockSchema = z.looseObject({ packages: z.record(z.string(), z.looseObject({ dev: z.boolean().optional() })) });

/**
 * Writes the list of all parts that an installation may have (SBOM), from the lockfile, in both formats. Returns the files' names.
 *
 * npm 11.19's `--omit dev` also leaves out what development needs, too, such as zod. So npm sees a manifest without development.
 */
export function writeSbom(root: string, folder: string, version: string): readonly string[] {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(root, name), "utf8"));
  const place = mkdtempSync(join(tmpdir(), "sluice-sbom-"));
  try {
    const { devDependencies: _, ...manifest } = manifestSchema.parse(read("package.json"));
    const { packages, ...lock } = lockSchema.parse(read("package-lock.json"));
    const kept = Object.entries(packages).flatMap(([path, { devDependencies: _, ...entry }]) =>
      entry.dev === true ? [] : [[path, entry]],
    );
    writeFileSync(join(place, "package.json"), JSON.stringify(manifest));
    writeFileSync(join(place, "package-lock.json"), JSON.stringify({ ...lock, packages: Object.fromEntries(kept) }));
    return Object.entries(FORMATS).map(([format, ending]) => {
      const words = ["sbom", "--sbom-format", format, "--sbom-type", "application", "--package-lock-only"];
      const made = execFileSync("npm", words, { cwd: place, encoding: "utf8", maxBuffer: 64 * 1024 ** 2 });
      const name = `sluice-gateway-${version}.${ending}.json`;
      writeFileSync(join(folder, name), made);
      return name;
    });
  } finally {
    rmSync(place, { recursive: true });
  }
}
