import { homedir } from "node:os";
import { z } from "zod";
import { CLIENT_KEYS } from "../../config/environment.ts";
import type { Flags } from "../../config/load.ts";
import { didYouMean } from "../../config/suggest.ts";
import { shellCommand } from "../../version.ts";
import { canAsk, confirm } from "../confirm.ts";
import { type CliContext, EXIT } from "../context.ts";
import { escapeControls } from "../controls.ts";
import { paintDiff } from "../diff.ts";
import { CommandError, UsageError } from "../errors.ts";
import type { GatewayClient } from "../gateway-client.ts";
import { watchInterrupts } from "../interrupts.ts";
import { reachRunning } from "../reach-gateway.ts";
import { formatTable } from "../table.ts";
import { type Change, describeChange, planChange, writeChange } from "./change.ts";
import { CLIENTS, type Client, type Places, type Target } from "./clients.ts";
import { edit, UneditableError } from "./edit.ts";

const TIMEOUT_MS = 10_000;

/** What is assumed of a model whose context isn't known, such as one that isn't loaded. */
const UNKNOWN_CONTEXT = 4_096;

/** Agents send up to 12,000 tokens before the user's first word: docs/clients.md. */
const AGENT_CONTEXT = 16_384;

/**
 * What is written into other programs' files, some of which are run (a script of Vim) or filled in (opencode reads `{file:…}`): a gateway that means
 * harm could name its model so.
 */
const PLAIN_MODEL = /^[\w.:/@+~-]{1,200}$/;
const PLAIN_URL = /^https?:\/\/[\w.:[\]/~%+-]{1,500}$/;

const modelList = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      max_model_len: z.number().nullish(),
      capabilities: z.array(z.string()).default([]),
      preset: z.unknown().optional(),
    }),
  ),
});

/**
 * `sluice connect`: lists the programs that can be connected, or shows what connects one of them to a running gateway, and writes it if told to.
 * Throws a CommandError for a wrong name or model, a settings file that can't be edited, or if there is no gateway.
 */
export async function connect(name: string | undefined, flags: Flags, context: CliContext): Promise<number> {
  const places: Places = { home: context.env.HOME || homedir(), platform: process.platform, env: context.env };
  if (name === undefined) {
    context.stdout.write(list(places, flags.json === true));
    return EXIT.done;
  }
  const client = CLIENTS.find((each) => each.name === name);
  if (client === undefined) {
    const names = CLIENTS.map((each) => each.name);
    throw new UsageError(
      `${JSON.stringify(name)} is no program that is known.${didYouMean(name, names)} Known are ${names.join(", ")}.`,
    );
  }
  const gateway = reachRunning(flags, context, AbortSignal.timeout(TIMEOUT_MS), CLIENT_KEYS);
  const target = await targetOf(gateway, flags.model);
  const change = await plan(client, target, places);
  return change === undefined ? tell(client, target, context) : await offer(client, target, change, flags, context);
}

function list(places: Places, asJson: boolean): string {
  const rows = CLIENTS.map(({ name, title, file }) => ({ name, title, file: file?.(places) ?? null }));
  if (asJson) return `${JSON.stringify({ object: "list", data: rows }, null, 2)}\n`;
  return formatTable([
    ["NAME", "PROGRAM", "SETTINGS"],
    ...rows.map(({ name, title, file }) => [name, title, file ?? "by hand; the steps are shown"]),
  ]);
}

/** The model to connect to: the named one, else the first that chats, else the first that completes, with what clients want to know of it. */
async function targetOf(gateway: GatewayClient, named: unknown): Promise<Target> {
  const answer = modelList.safeParse(await gateway.get("/v1/models"));
  if (!answer.success)
    throw new CommandError(`What responds at ${gateway.url} is not Sluice. Set --url to the gateway.`);
  const models = answer.data.data;
  const wanted = typeof named === "string" ? named : undefined;
  const can = (what: string) =>
    models.find(({ capabilities, preset }) => preset === undefined && capabilities.includes(what));
  const model = wanted === undefined ? (can("chat") ?? can("completion")) : models.find(({ id }) => id === wanted);
  if (model === undefined) {
    const ids = models.map(({ id }) => id);
    throw new UsageError(
      wanted === undefined
        ? `The gateway at ${gateway.url} serves no model that writes text.`
        : `The gateway at ${gateway.url} serves no model ${JSON.stringify(wanted)}.${escapeControls(didYouMean(wanted, ids))} It serves ${escapeControls(ids.join(", "))}.`,
    );
  }
  const { url, headers } = gateway.destination("");
  requirePlain(url, PLAIN_URL, "URL");
  requirePlain(model.id, PLAIN_MODEL, "model's name");
  return {
    ...{ url, model: model.id, context: model.max_model_len ?? UNKNOWN_CONTEXT },
    ...{ hasKey: headers.authorization !== undefined, canInfill: model.capabilities.includes("infill") },
  };
}

function requirePlain(text: string, form: RegExp, what: string): void {
  if (!form.test(text)) {
    throw new UsageError(
      `The ${what} ${escapeControls(JSON.stringify(text))} has characters that are not written into other programs' settings. Connect by hand, as docs/clients.md says, or give it another name.`,
    );
  }
}

/** What is to be written; undefined for a program without a file. */
async function plan({ file, content }: Client, target: Target, places: Places): Promise<Change | undefined> {
  if (file === undefined || content === undefined) return undefined;
  const path = file(places);
  return await planChange(path, (text) => {
    if ("whole" in content) return content.whole(target);
    try {
      return edit(text, content.format, content.edits(target));
    } catch (error) {
      if (!(error instanceof UneditableError)) throw error;
      throw new CommandError(
        `${path} can't be edited: ${error.message}. Mend it, and try again; nothing was written.`,
        { cause: error },
      );
    }
  });
}

/** For a program without a file: the steps are the answer. */
function tell(client: Client, target: Target, { stdout, stderr }: CliContext): number {
  stdout.write(`${client.steps(target).join("\n")}\n`);
  stderr.write(remarks(client, target));
  return EXIT.done;
}

async function offer(
  client: Client,
  target: Target,
  change: Change,
  flags: Flags,
  context: CliContext,
): Promise<number> {
  const { stdout, stderr } = context;
  if (change.before === change.after) {
    stderr.write(remarks(client, target));
    stderr.write(`${client.title} is connected to ${target.url} already: ${change.path}\n`);
  } else {
    stdout.write(paintDiff(describeChange(change), context));
    stderr.write(remarks(client, target));
    if (flags.yes !== true && !(await isWanted(change.path, context))) {
      stderr.write(
        canAsk(context)
          ? "Nothing was written.\n"
          : `Nothing was written. To write it: ${shellCommand(`connect ${client.name} --yes`)}\n`,
      );
      return EXIT.done;
    }
    const copy = await writeChange(change, new Date());
    stderr.write(`Written: ${change.path}\n${copy === undefined ? "" : `What was there is kept in ${copy}\n`}`);
  }
  stderr.write(`${client.steps(target).join("\n")}\n`);
  return EXIT.done;
}

async function isWanted(path: string, context: CliContext): Promise<boolean> {
  if (!canAsk(context)) return false;
  const interrupts = watchInterrupts({
    source: context.process,
    exitNow: ({ exitCode }) => context.process.exit(exitCode),
    env: context.env,
  });
  try {
    return await confirm(`Write this to ${path}?`, context, interrupts.signal);
  } finally {
    interrupts.dispose();
  }
}

/** What speaks against the model, before anything is written. */
function remarks({ isAgent, fills, title }: Client, { canInfill, context: tokens, model }: Target): string {
  const told: string[] = [];
  if (fills === true && !canInfill) {
    told.push(
      `Warning: ${model} can't fill in the middle of a text, so ${title} will show no completions. Serve a model that can, such as Qwen2.5-Coder.`,
    );
  }
  if (isAgent === true && tokens < AGENT_CONTEXT) {
    told.push(
      `${title} sends thousands of tokens before your first word, and ${model} has a context of ${tokens}. Serve it with --context 32768 or more.`,
    );
  }
  return told.map((line) => `${line}\n`).join("");
}
