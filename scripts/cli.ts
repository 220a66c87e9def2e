/** Generates docs/cli.md. A test fails if the committed file differs. */
import { writeFileSync } from "node:fs";
import { renderCliPage } from "./cli/page.ts";

writeFileSync(new URL("../docs/cli.md", import.meta.url), renderCliPage());
