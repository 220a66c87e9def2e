import { createHash } from "node:crypto";
import { createWriteStream, openAsBlob } from "node:fs";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import type { Flags } from "../../config/load.ts";
import { type CliContext, EXIT } from "../context.ts";
import { CommandError, UsageError } from "../errors.ts";
import type { GatewayClient } from "../gateway-client.ts";
import { InterruptedError } from "../interrupts.ts";
import { type Reached, reachGateway } from "../reach-gateway.ts";
import { watchForCommand } from "../run-preset.ts";
import { formatErrors, formatState, formatUsage } from "./format.ts";
import { type InputOptions, prepareInput } from "./input.ts";
import { pathOf } from "./manage.ts";
import { batchSchema, hasEnded, type WireBatch } from "./wire.ts";

/** What is kept beside the output until the batch has ended, so that the same command goes on with it. */
const noteSchema = z.object({ batch: z.string(), command: z.string() });

type Reach = (flags: Flags, context: CliContext, signal: AbortSignal, stateFile: string) => Promise<Reached>;

const POLL_MS = 500;
/** Outside a terminal a line is printed so often. */
const PLAIN_MS = 10_000;

/** `sluice batch run INPUT -o OUTPUT`: returns 1 if requests failed. Throws a CommandError. */
export async function runBatch(
  input: string,
  flags: Flags,
  context: CliContext,
  reach: Reach = (given, own, signal, stateFile) => reachGateway(given, own, signal, { stateFile }),
): Promise<number> {
  const { cwd, stderr } = context;
  const options = readOptions(flags);
  const [inputPath, output] = [resolve(cwd, input), resolve(cwd, String(flags.output))];
  const [note, state] = [`${output}.batch`, `${output}.state`];
  const command = await identify(inputPath, options);
  const interrupts = watchForCommand(context);
  try {
    await using gateway = await reach(flags, context, interrupts.signal, `${state}/sluice.db`);
    const { client } = gateway;
    const id =
      (await findBatch(note, command, client, context)) ??
      (await createBatch({ inputPath, output, options, client, window: String(flags.window) }));
    await writeFile(note, JSON.stringify({ batch: id, command }), { mode: 0o600 });
    const batch = await follow(id, client, context, interrupts.signal);
    await keepResults(batch, output, client);
    await rm(note, { force: true });
    const used = formatUsage(batch);
    const { failed } = batch.request_counts;
    const where =
      failed > 0 && batch.error_file_id !== null ? `The ${failed} that failed are in ${output}.errors\n` : "";
    stderr.write(`${used === undefined ? "" : `${used}\n`}${formatErrors(batch)}${where}`);
    return batch.status === "completed" && batch.request_counts.failed === 0 ? EXIT.done : EXIT.failed;
  } catch (error) {
    if (error instanceof InterruptedError) stderr.write("\nInterrupted. Run the same command again to go on.\n");
    throw error;
  } finally {
    interrupts.dispose();
    // The state of a gateway that was started for this command, if nothing is left to go on with.
    if ((await exists(note)) === false) await rm(state, { recursive: true, force: true });
  }
}

function readOptions(flags: Flags): InputOptions {
  const { shuffle } = flags;
  return {
    preset: typeof flags.preset === "string" ? flags.preset.replace(/^preset\//, "") : undefined,
    limit: flags.limit === undefined ? undefined : readNumber("--limit", flags.limit),
    seed: shuffle === undefined ? undefined : shuffle === true ? 1 : readNumber("--shuffle", shuffle),
  };
}

function readNumber(flag: string, given: Flags[string]): number {
  const number = typeof given === "string" && /^\d{1,9}$/.test(given) ? Number(given) : 0;
  if (number >= 1) return number;
  throw new UsageError(`${flag}: ${String(given)} is not allowed. Give a whole number from 1 to 999999999.`);
}

/** Stands for an input and the options that choose from it. */
async function identify(inputPath: string, options: InputOptions): Promise<string> {
  try {
    const { size, mtimeMs } = await stat(inputPath);
    return createHash("sha256")
      .update(JSON.stringify([inputPath, size, mtimeMs, options]))
      .digest("hex");
  } catch (error) {
    throw new CommandError(`${inputPath} can't be read: ${error instanceof Error ? error.message : error}`);
  }
}

/** The batch that an earlier run of the same command has left; undefined if there is none. */
async function findBatch(
  note: string,
  command: string,
  client: GatewayClient,
  { stderr }: CliContext,
): Promise<string | undefined> {
  const text = await readFile(note, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const { success, data } = noteSchema.safeParse(parse(text));
  if (!success || data.command !== command) {
    throw new CommandError(
      `${note} is of another batch for the same output. Run that command to its end, name another output, or remove the file.`,
    );
  }
  const { data: list } = z
    .object({ data: z.array(z.object({ id: z.string() })) })
    .parse(await client.get("/v1/batches?limit=100"));
  if (list.some(({ id }) => id === data.batch)) return data.batch;
  stderr.write(`The gateway at ${client.url} knows nothing of the batch in ${note}: beginning anew.\n`);
  return undefined;
}

type NewBatch = {
  readonly inputPath: string;
  readonly output: string;
  readonly options: InputOptions;
  readonly client: GatewayClient;
  readonly window: string;
};

async function createBatch({ inputPath, output, options, client, window }: NewBatch): Promise<string> {
  const requests = `${output}.requests`;
  try {
    const { path, endpoint } = await prepareInput(inputPath, requests, options);
    const form = new FormData();
    form.append("purpose", "batch");
    form.append("file", await openAsBlob(path), basename(inputPath));
    const withId = z.object({ id: z.string() });
    const { id: fileId } = withId.parse(await client.upload("/v1/files", form));
    const body = { input_file_id: fileId, endpoint, completion_window: window };
    return withId.parse(await client.post("/v1/batches", body)).id;
  } finally {
    await rm(requests, { force: true });
  }
}

/** Shows how far a batch is until it has ended. */
async function follow(
  id: string,
  client: GatewayClient,
  { stderr }: CliContext,
  signal: AbortSignal,
): Promise<WireBatch> {
  let shownMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    const batch = batchSchema.parse(await client.get(pathOf(id)));
    const line = formatState(batch);
    if (stderr.isTTY === true) {
      stderr.write(`\r${line.slice(0, (stderr.columns ?? 80) - 1)}\u001b[K${hasEnded(batch) ? "\n" : ""}`);
    } else if (hasEnded(batch) || performance.now() - shownMs >= PLAIN_MS) {
      shownMs = performance.now();
      stderr.write(`${line}\n`);
    }
    if (hasEnded(batch)) return batch;
    await setTimeout(POLL_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** Writes the answers and the failures, and removes what the gateway has of them. */
async function keepResults(batch: WireBatch, output: string, client: GatewayClient): Promise<void> {
  for (const [id, path] of [
    [batch.output_file_id, output],
    [batch.error_file_id, `${output}.errors`],
  ] as const) {
    if (id === null) {
      if (path === output && batch.status !== "failed") await writeFile(path, "");
      continue;
    }
    const half = `${path}.part`;
    await pipeline(Readable.fromWeb(await client.download(`/v1/files/${id}/content`)), createWriteStream(half));
    await rename(half, path);
  }
  for (const id of [batch.input_file_id, batch.output_file_id, batch.error_file_id]) {
    // They expire in any case.
    if (id !== null) await client.remove(`/v1/files/${id}`).catch(() => {});
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
