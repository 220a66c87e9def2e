import { hostname } from "node:os";
import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import type { Flags } from "../config/load.ts";
import { shellCommand } from "../version.ts";
import { type CliContext, EXIT } from "./context.ts";
import { CommandError, errorCode, NoGatewayError } from "./errors.ts";
import type { GatewayClient } from "./gateway-client.ts";
import { reachRunning } from "./reach-gateway.ts";
import { watchForCommand } from "./run-preset.ts";
import { formatDuration } from "./units.ts";

/** How often it is looked whether the gateway is gone. */
const LOOK_MS = 100;
/** How long the gateway's own end may take after its requests': its models are freed, and what it has to keep is written. */
const END_MS = 15_000;
/** How long a gateway that was started again may need until it listens. */
const COMEBACK_LOOK_MS = 1_000;

/** The longest that the settings allow. */
const MAX_WAIT_MS = 3_600_000;

const answerSchema = z.object({
  pid: z.int().min(1),
  hostname: z.string(),
  running: z.int(),
  waiting: z.int(),
  delay_ms: z.number().max(MAX_WAIT_MS),
  grace_ms: z.number().max(MAX_WAIT_MS),
  service_manager: z.enum(["systemd", "launchd"]).nullable(),
});

type Answer = z.infer<typeof answerSchema>;

/** What is asked of the machine; tests replace it. */
type Machine = {
  readonly hostname: string;
  /** Whether a process with this id exists. */
  readonly isAlive: (pid: number) => boolean;
};

const thisMachine: Machine = { hostname: hostname(), isAlive };

/** `sluice stop`: has a running gateway end its requests and stop, and waits until it is gone. Throws a CommandError if it isn't in time. */
export async function stop(flags: Flags, context: CliContext, machine: Machine = thisMachine): Promise<number> {
  const { stdout, stderr } = context;
  const interrupts = watchForCommand(context);
  try {
    const { signal } = interrupts;
    const client = reachRunning(flags, context, signal);
    const beganMs = performance.now();
    const answer = answerSchema.parse(await client.post("/admin/stop", { now: flags.now === true }));
    if (flags.json !== true) stderr.write(describeWait(answer));
    const limitMs = answer.delay_ms + answer.grace_ms + END_MS;
    while (!(await isGone(answer, client, machine))) {
      if (performance.now() - beganMs > limitMs) {
        throw new CommandError(
          `The gateway at ${client.url} is still there after ${formatDuration(limitMs)}. Its log says why; its process is ${answer.pid}.`,
        );
      }
      await setTimeout(LOOK_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
    const isBack = answer.service_manager !== null && (await comesBack(client, signal));
    const tookMs = Math.round(performance.now() - beganMs);
    if (flags.json === true) {
      stdout.write(
        `${JSON.stringify({ url: client.url, pid: answer.pid, took_ms: tookMs, service_manager: answer.service_manager, is_back: isBack }, null, 2)}\n`,
      );
    } else {
      stdout.write(`The gateway at ${client.url} has stopped, after ${formatDuration(tookMs)}.\n`);
      if (answer.service_manager !== null) stderr.write(describeManager(answer.service_manager, isBack));
    }
    return EXIT.done;
  } finally {
    interrupts.dispose();
  }
}

function describeWait({ running, waiting, delay_ms: delayMs, grace_ms: graceMs }: Answer): string {
  if (running + waiting === 0)
    return delayMs === 0 ? "" : `It goes on for ${formatDuration(delayMs)} (drainDelayMs).\n`;
  const requests = `${running} running and ${waiting} waiting ${running + waiting === 1 ? "request" : "requests"}`;
  return graceMs === 0
    ? `It cuts off ${requests}.\n`
    : `It waits for ${requests}, for ${formatDuration(delayMs + graceMs)} at most. With --now it doesn't.\n`;
}

function describeManager(manager: string, isBack: boolean): string {
  return `${manager} ${isBack ? "has started it again" : "may start it again, at the latest at the next start of the machine or session"}: \`${shellCommand("service remove")}\` ends that, and \`${shellCommand("service status")}\` shows it.\n`;
}

/** A gateway on this machine is gone with its process, another one when nothing listens there any more. */
async function isGone({ pid, hostname: host }: Answer, client: GatewayClient, machine: Machine): Promise<boolean> {
  if (host === machine.hostname && machine.isAlive(pid)) return false;
  return host === machine.hostname || !(await isListening(client));
}

async function comesBack(client: GatewayClient, signal: AbortSignal): Promise<boolean> {
  const untilMs = performance.now() + COMEBACK_LOOK_MS;
  do {
    if (await isListening(client)) return true;
    await setTimeout(LOOK_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  } while (performance.now() < untilMs);
  return false;
}

async function isListening(client: GatewayClient): Promise<boolean> {
  try {
    await client.get("/health");
    return true;
  } catch (error) {
    if (error instanceof NoGatewayError) return false;
    if (error instanceof CommandError) return true;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is alive, too.
    return errorCode(error) === "EPERM";
  }
}
