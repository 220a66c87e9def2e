/**
 * Records what transformers renders from the templates of model families, for `test/integration/templates.test.ts`. Needs Python 3 with
 * venv and pip, and the default model. Run it when llama.cpp's release brings another template, and read the difference.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { preparePython, runPython } from "../test/clients/python/environment.ts";
import { conversations } from "../test/integration/templates/conversations.ts";
import { type Expected, expectedFile } from "../test/integration/templates/expected.ts";
import { referenceVariables } from "../test/integration/templates/reference.ts";
import { DEFAULT_MODEL, FAMILIES, llamaCppRelease, readTemplate } from "../test/integration/templates/sources.ts";

const FOLDER = "scripts/record-templates";
/** The one that `render.py` gives to the templates that ask. */
const DAY = "2026-11-22";

const renderings = z.array(z.union([z.strictObject({ text: z.string() }), z.strictObject({ error: z.string() })]));

const python = await preparePython(FOLDER);
const requirements = await readFile(join(FOLDER, "requirements.txt"), "utf8");
const versions = ["transformers", "Jinja2"].map(
  (name) => `${name} ${new RegExp(`^${name}==(.+)$`, "m").exec(requirements)?.[1]}`,
);
const release = await llamaCppRelease();

const families = await Promise.all(
  FAMILIES.map(async (family) => ({
    family,
    source: await readTemplate(family.template),
    bodies: [...conversations(family)],
  })),
);
const jobs = families.flatMap(({ family, source, bodies }) =>
  bodies.map(([, body]) => ({
    template: source.text,
    tokens: { bos_token: family.beginToken, eos_token: family.endToken },
    variables: referenceVariables(body, family),
  })),
);
const results = await renderAll();

for (const { family, source, bodies } of families) {
  const recorded = bodies.map(([name, body]) => {
    const result = results.shift();
    if (result === undefined) throw new Error("the reference gave fewer texts than it was asked for");
    // Sluice adapts calls and tools alone.
    const given =
      family.adaptation !== undefined && body.tools !== undefined ? referenceVariables(body, family) : undefined;
    return [name, { ...(given && { given }), result }] as const;
  });
  const expected: Expected = {
    template:
      family.template === DEFAULT_MODEL
        ? `in ${DEFAULT_MODEL} itself`
        : `models/templates/${family.template}.jinja of llama.cpp ${release}`,
    sha256: source.sha256,
    reference: `render_jinja_template of ${versions.join(", ")}`,
    day: DAY,
    renderings: Object.fromEntries(recorded),
  };
  await writeFile(expectedFile(family.template), `${JSON.stringify(expected, null, 2)}\n`);
}

async function renderAll() {
  const folder = await mkdtemp(join(tmpdir(), "sluice-record-"));
  try {
    const file = join(folder, "jobs.json");
    await writeFile(file, JSON.stringify(jobs));
    return renderings.parse(await runPython(python, join(FOLDER, "render.py"), file));
  } finally {
    await rm(folder, { recursive: true });
  }
}
