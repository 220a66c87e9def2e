import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";

const root = join(import.meta.dirname, "../..");
const engineIsReady = z.object({ enginePid: z.int() });

/** A gateway with its engine, which may be killed and started again on the same port and state. */
export type MortalGateway = {
  readonly start: () => void;
  /** Kills both, or one of them; the gateway is not started again by itself. False if there is none. */
  readonly kill: (what: "gateway" | "engine" | "both") => boolean;
  readonly ended: () => Promise<void>;
};

/** @param args of `sluice serve` */
export function createMortalGateway(args: readonly string[]): MortalGateway {
  let child: ChildProcess | undefined;
  let enginePid: number | undefined;
  process.once("exit", () => child?.kill("SIGKILL"));

  function start(): void {
    const stdio = ["ignore", "ignore", "pipe"] as const;
    const own = spawn(process.execPath, [join(root, "src/main.ts"), "serve", ...args], {
      cwd: root,
      stdio: [...stdio],
    });
    child = own;
    enginePid = undefined;
    createInterface({ input: own.stderr }).on("line", (line) => {
      if (child !== own || !line.includes('"enginePid"')) return;
      enginePid = engineIsReady.parse(JSON.parse(line)).enginePid;
    });
  }

  function killEngine(): boolean {
    if (enginePid === undefined) return false;
    try {
      process.kill(enginePid, "SIGKILL");
    } catch {
      return false;
    }
    enginePid = undefined;
    return true;
  }

  return {
    start,
    kill(what) {
      const isEngineKilled = what !== "gateway" && killEngine();
      return what === "engine" ? isEngineKilled : child?.kill("SIGKILL") === true;
    },
    async ended() {
      if (child !== undefined && child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}
