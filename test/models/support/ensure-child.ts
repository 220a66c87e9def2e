import { ensureModel } from "../../../src/models/ensure.ts";
import { resolveModel } from "../../../src/models/resolve.ts";

/** A process of its own that makes sure of the model at a URL: `node ensure-child.ts URL FOLDER`. Prints the model as JSON. */
const [url = "", modelsDir = ""] = process.argv.slice(2);
const model = await ensureModel(resolveModel(url, { models: [] }), { modelsDir, pollMs: 5, env: {} });
process.stdout.write(JSON.stringify(model));
