import { readdir } from "node:fs/promises";
import { extname, resolve } from "node:path";
import { z } from "zod";
import { type Flags, loadConfig } from "../../config/load.ts";
import type { Config } from "../../config/schema.ts";
import type { CliContext } from "../context.ts";
import { reachRunning } from "../reach-gateway.ts";
import type { NameKind } from "./kinds.ts";

/** How long is waited for names in all. */
const NAMES_MS = 300;

const MAX_NAMES = 2_000;
const MAX_LENGTH = 512;

/** What a shell would show as more than one word or line, or a terminal act on. */
const UNFIT = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u;

const served = z.object({ data: z.array(z.object({ id: z.string() })) });
const keyList = z.object({ data: z.array(z.object({ name: z.string() })) });

type Where = { readonly flags: Flags; readonly context: Pick<CliContext, "env" | "cwd">; readonly signal: AbortSignal };

/** The names of these kinds, from the disk and the gateway, as far as they come in time. What can't be read has none. Throws nothing. */
export async function findNames(
  kinds: readonly NameKind[],
  flags: Flags,
  context: Pick<CliContext, "env" | "cwd">,
  waitMs: number = NAMES_MS,
): Promise<readonly string[]> {
  const found = new Set<string>();
  const ending = new AbortController();
  const where = { flags, context, signal: ending.signal };
  const looking = [...new Set(kinds.flatMap((kind) => SOURCES[kind]))].map(async (source) => {
    const names = await source(where).catch(() => []);
    for (const name of names) {
      if (
        found.size < MAX_NAMES &&
        name.length <= MAX_LENGTH &&
        name !== "" &&
        !name.startsWith("-") &&
        !UNFIT.test(name)
      )
        found.add(name);
    }
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((done) => {
    timer = setTimeout(done, waitMs);
  });
  await Promise.race([Promise.all(looking), late]);
  clearTimeout(timer);
  ending.abort();
  return [...found];
}

type Source = (where: Where) => Promise<readonly string[]>;

const catalogue: Source = async () => {
  const { loadCatalogue } = await import("../../models/catalogue.ts");
  return (await loadCatalogue()).models.map(({ name }) => name);
};

const downloaded: Source = async (where) => {
  const [{ loadCatalogue }, { listDownloaded }] = await Promise.all([
    import("../../models/catalogue.ts"),
    import("../../models/downloaded.ts"),
  ]);
  const { models } = await listDownloaded(await loadCatalogue(), folderOf(where, "modelsDir"));
  return models.map(({ id }) => id);
};

const presetFiles: Source = async (where) => {
  const files = await readdir(folderOf(where, "promptsDir"));
  return files.flatMap((file) => (/^[^.]+\.ya?ml$/.test(file) ? [file.slice(0, -extname(file).length)] : []));
};

/** All that `/v1/models` lists: models, aliases, routes. */
const models: Source = async (where) => (await ids(where)).filter((id) => !id.startsWith("preset/"));

const presets: Source = async (where) =>
  (await ids(where)).flatMap((id) => (id.startsWith("preset/") ? [id.slice("preset/".length)] : []));

const routes: Source = async (where) => settingsOf(where).routes.map((route) => String(route.name));

const keys: Source = async ({ flags, context, signal }) =>
  keyList.parse(await reachRunning(flags, context, signal).get("/admin/keys")).data.map(({ name }) => name);

const SOURCES: Readonly<Record<NameKind, readonly Source[]>> = {
  catalogue: [catalogue],
  downloaded: [downloaded],
  served: [models],
  presets: [presetFiles, presets],
  routes: [routes],
  keys: [keys],
};

async function ids({ flags, context, signal }: Where): Promise<readonly string[]> {
  return served.parse(await reachRunning(flags, context, signal).get("/v1/models")).data.map(({ id }) => id);
}

function settingsOf({ flags: { config: file, modelsDir, promptsDir }, context: { env, cwd } }: Where): Config {
  return loadConfig({ flags: { config: file, modelsDir, promptsDir }, env, cwd }).config;
}

function folderOf(where: Where, folder: "modelsDir" | "promptsDir"): string {
  return resolve(where.context.cwd, settingsOf(where)[folder]);
}
