/** Generates docs/compatibility.md. A test fails if the committed file differs. */
import { writeFileSync } from "node:fs";
import { endpoints } from "./compatibility/endpoints/index.ts";
import { renderPage } from "./compatibility/table.ts";

writeFileSync(new URL("../docs/compatibility.md", import.meta.url), renderPage(endpoints));
