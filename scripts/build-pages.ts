/**
 * Builds the pages, as npm's `prepare` does after `npm ci` and before it packs. Without development dependencies there is nothing to build
 * them with: a packed Sluice has them built, and a checkout says at `/` how to get them.
 */
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

const vite = await import("vite").catch((error: unknown) => {
  if (error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") return undefined;
  throw error;
});
if (vite === undefined) {
  console.log("The pages are not built, since vite is a development dependency and those are left out here.");
} else {
  await vite.build({ configFile: `${root}/vite.config.ts`, root: `${root}/pages`, logLevel: "warn" });
}
