import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findModels } from "../../../src/cli/doctor/models.ts";
import { checkOnDemand, findOnDemand } from "../../../src/cli/doctor/on-demand.ts";
import { configSchema } from "../../../src/config/schema.ts";
import { writeGguf } from "../../models/support/gguf-writer.ts";
import { tempDir } from "../../models/support/temp-dir.ts";
import { GIB, HERE, MODEL } from "./support.ts";

const other = { ...MODEL, id: "other" };
const large = { ...MODEL, id: "large", sizeBytes: 8 * GIB };

function check(settings: object, onDemand = [other]) {
  return checkOnDemand([MODEL], onDemand, configSchema.parse(settings), 4 * GIB);
}

describe("the doctor's check of models on demand", () => {
  it("says how many there are, and what they may take", () => {
    expect(check({})).toEqual([
      { name: "on demand", level: "good", message: expect.stringMatching(/^1 model, about 7\d\d MiB .* 3\.6 GiB$/) },
    ]);
  });

  it("says nothing where there are none", () => {
    expect(check({}, [])).toEqual([]);
  });

  it("warns of those that can never be loaded, beside pinned ones too", () => {
    expect(check({ memory: "6GiB" }, [other, large])).toMatchObject([
      { level: "warning", message: expect.stringMatching(/6\.0 GiB, so these can't be loaded: large \(8\.6 GiB\)$/) },
    ]);
    expect(check({ memory: "1GiB", perModel: ["small.pin=on"] })).toMatchObject([
      { level: "warning", message: expect.stringMatching(/pinned ones hold 7\d\d MiB, so these .*: other/) },
    ]);
  });

  it("reports a memory in which a model of the start doesn't fit, and warns of one that doesn't hold all of them", () => {
    expect(check({ memory: "500MiB" })).toMatchObject([
      { level: "problem", message: expect.stringContaining("can't be loaded: small"), advice: expect.any(String) },
    ]);
    const config = configSchema.parse({ memory: "1GiB" });
    expect(checkOnDemand([MODEL, other], [], config, 4 * GIB)).toMatchObject([
      { level: "warning", message: expect.stringContaining("they put each other out") },
    ]);
  });

  it("finds those that are named and those in the models folder, each once", async () => {
    const cwd = await tempDir();
    for (const name of ["small.gguf", "new.gguf"]) await writeFile(join(cwd, name), writeGguf());
    await writeFile(join(cwd, "bad.gguf"), "not a model");
    const options = { modelsDir: ".", cwd, verify: false };
    const found = await findOnDemand({ onDemand: ["./new.gguf", "downloaded"] }, [HERE], options, findModels);
    expect(found).toMatchObject([
      { state: "here", model: { id: "new" } },
      { state: "unusable", name: join(cwd, "bad.gguf") },
    ]);
  });
});
