/** Writes docs/compatibility.md anew. A test fails as long as what is committed differs. */
import { writeFileSync } from "node:fs";
import { endpoints } from "./compatibility/endpoints/index.ts";
import { renderPage } from "./compatibility/table.ts";

writeFileSync(new URL("../docs/compatibility.md", import.meta.url), renderPage(endpoints));
