import { text as readText } from "node:stream/consumers";
import { z } from "zod";
import type { Flags } from "../config/load.ts";
import { parseReference } from "../prompts/reference.ts";
import { shellCommand } from "../version.ts";
import { type CliContext, EXIT } from "./context.ts";
import { answerFor } from "./controls.ts";
import { CommandError, NoGatewayError, UsageError } from "./errors.ts";
import type { GatewayClient } from "./gateway-client.ts";
import { type Interrupts, watchInterrupts } from "./interrupts.ts";
import { reachGateway } from "./reach-gateway.ts";

/** The part of a response's events that is printed. */
const eventSchema = z.union([
  z.object({ type: z.literal("response.output_text.delta"), delta: z.string() }),
  z.object({
    type: z.literal("response.output_item.done"),
    item: z.object({ type: z.literal("function_call"), name: z.string(), arguments: z.string() }),
  }),
  z.object({ type: z.literal("response.incomplete") }),
  z.object({
    type: z.literal("response.failed"),
    response: z.object({ error: z.object({ message: z.string() }) }),
  }),
  z.object({ type: z.literal("error"), message: z.string() }),
]);

const shownPreset = z.object({ preset: z.object({ takes_input: z.boolean() }) });

/**
 * `sluice run NAME [input…]`: runs a preset and streams the answer to stdout. The input is taken from the arguments or from stdin. Throws a
 * CommandError.
 */
export async function runPreset(
  name: string,
  words: readonly string[],
  flags: Flags,
  context: CliContext,
): Promise<number> {
  const variables = readVariables(flags.var);
  const interrupts = watchForCommand(context);
  try {
    await using gateway = await reachGateway(flags, context, interrupts.signal);
    const { client, models } = gateway;
    const preset = await showPreset(client, name);
    const input = await findInput(words, preset.takes_input && variables.input === undefined, context);
    const body = {
      prompt: { ...referenceOf(name), variables },
      ...(models[0] !== undefined && { model: models[0] }),
      ...(input !== undefined && { input }),
      ...{ stream: flags.json !== true, store: false },
    };
    if (flags.json === true) {
      context.stdout.write(`${JSON.stringify(await client.post("/v1/responses", body), null, 2)}\n`);
      return EXIT.done;
    }
    for await (const event of client.stream("/v1/responses", body)) show(event, context);
    context.stdout.write("\n");
    return EXIT.done;
  } finally {
    interrupts.dispose();
  }
}

/** A preset's name, with or without `preset/`, as a response's `prompt` has it. */
export function referenceOf(name: string): { readonly id: string; readonly version?: string } {
  const { id, version } = parseReference(name) ?? parseReference(`preset/${name}`) ?? { id: name };
  return { id, ...(version !== undefined && { version }) };
}

/** What the gateway tells of a preset. Throws a CommandError if there is none. */
async function showPreset(client: GatewayClient, name: string) {
  const { id, version } = referenceOf(name);
  const path = `/v1/models/preset/${encodeURIComponent(version === undefined ? id : `${id}@${version}`)}`;
  return shownPreset.parse(await client.get(path)).preset;
}

/** Throws a CommandError if the gateway has no such preset. One that is away may have it when it is back. */
export function checkPreset(client: GatewayClient, name: string): Promise<void> {
  return unlessAway(showPreset(client, name));
}

/** As `checkPreset`, for a model or a route. */
export function checkModel(client: GatewayClient, name: string): Promise<void> {
  return unlessAway(client.get(`/v1/models/${encodeURIComponent(name)}`));
}

async function unlessAway(asking: Promise<unknown>): Promise<void> {
  try {
    await asking;
  } catch (error) {
    if (!(error instanceof NoGatewayError)) throw error;
  }
}

/** Signal handling for a command that ends by itself. */
export function watchForCommand({ process, env }: CliContext): Interrupts {
  return watchInterrupts({ source: process, env, exitNow: ({ exitCode }) => process.exit(exitCode) });
}

/** Parses all `--var key=value`. Throws a CommandError for one without a `=`. */
function readVariables(given: Flags[string]): Readonly<Record<string, string>> {
  const pairs = Array.isArray(given) ? given.map(String) : [];
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw new UsageError(`--var ${pair}: write a variable as NAME=VALUE, such as --var language=French.`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

async function findInput(
  words: readonly string[],
  isNeeded: boolean,
  { stdin }: CliContext,
): Promise<string | undefined> {
  if (words.length > 0) return words.join(" ");
  if (!isNeeded) return undefined;
  const piped = stdin === undefined || stdin.isTTY === true ? "" : (await readText(stdin)).trim();
  if (piped !== "") return piped;
  throw new UsageError(
    `This preset needs a text. Add it after the preset's name, or pipe it in: git diff | ${shellCommand("run commit-message")}`,
  );
}

function show(data: unknown, { stdout, stderr }: CliContext): void {
  const { success, data: event } = eventSchema.safeParse(data);
  if (!success) return;
  switch (event.type) {
    case "response.output_text.delta":
      stdout.write(answerFor(stdout, event.delta));
      return;
    case "response.output_item.done":
      stdout.write(`${JSON.stringify({ name: event.item.name, arguments: event.item.arguments })}\n`);
      return;
    case "response.incomplete":
      stderr.write("\nThe answer was cut off at its maximum length.\n");
      return;
    case "response.failed":
      throw new CommandError(event.response.error.message);
    case "error":
      throw new CommandError(event.message);
  }
}
