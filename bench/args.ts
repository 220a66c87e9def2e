import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { physicalCores } from "./machine.ts";
import type { GpuChoice } from "./peers/settings.ts";

export type Args = {
  /** Empty is all. */
  readonly workloads: readonly string[];
  readonly quick: boolean;
  /** Intruders of `intruders`; empty is all. */
  readonly only: readonly string[];
  /** Undefined is what the plan says. */
  readonly rounds?: number;
  readonly model: string;
  readonly llamaServer?: string;
  readonly peerUrl?: string;
  readonly portkey?: string;
  /** False leaves llama-server out. */
  readonly peer: boolean;
  readonly gpu: GpuChoice;
  readonly threads: number;
  readonly out: string;
};

const MAX_ROUNDS = 1_000;
const MAX_THREADS = 1_024;

const ABOUT = `
Measures Sluice against llama-server of the same llama.cpp release: same model file, threads, context per slot, prompts and answer
lengths, by the same load generator over HTTP, in turns (A B A B …).`;

const NOTES = `
llama-server is built once, from the source that node-llama-cpp carries, into bench/peers/build (15 to 20 minutes on two cores; it
needs git, cmake and a C++ compiler), unless --llama-server, --peer-url or --no-peer is given. \`cache\` and \`proxy\` are measured beside LiteLLM's
proxy, which is installed there when they are run (it needs python3 with venv), and Portkey's gateway: \`proxy\` installs it, too, and \`cache\`
takes what --portkey gives. What isn't available is left out.

Results: a table on stdout, and latest.json, latest.md and plots (.svg) in the --out folder.

Examples (from a checkout, flags go after --):
  npm run bench                                whole: five rounds, about half an hour
  npm run bench -- --quick                     smaller work and fewer rounds, under three minutes
  npm run bench -- single batch8 --rounds 9    two workloads, measured better
  npm run bench -- overhead --no-peer          what needs no other server
  npm run bench -- overload --quick            with --quick it, cache, proxy, spill and telemetry run only where they are named
  npm run bench -- bulk                        a batch, beside a client of llama-server's with as many connections
  npm run bench -- cache                       repeated prompts, beside other gateways' caches
  npm run bench -- proxy                       requests that are passed on to an upstream, beside other gateways
  npm run bench -- telemetry                   what metrics and traces cost
  npm run bench -- intruders --only crowd      what one hostile client does to others
`;

/** Reads the command line. Prints help or what is wrong with the line and ends the process where there is nothing to run. */
export function readArgs(argv: readonly string[], workloads: readonly { readonly name: string }[]): Args {
  const names = workloads.map(({ name }) => name);
  const program = new Command("npm run bench --")
    .description(ABOUT.trim())
    .addArgument(new Argument("[workload...]", "workloads to run (default: all)").choices(names))
    .option("--quick", "smaller work and fewer rounds: under three minutes in all once llama-server is built")
    .addOption(
      new Option(
        "--rounds <n>",
        "rounds of each workload (default: 5, with --quick as many of 3 as the time allows)",
      ).argParser(wholeNumber(MAX_ROUNDS)),
    )
    .addOption(
      new Option("--only <intruder>", "run only this intruder of the workload intruders; may be repeated")
        .argParser((name: string, names: readonly string[]) => [...names, name])
        .default([], "all"),
    )
    .option("--model <name>", "a model of the catalogue, an hf: URI, an https: URL or a path", "smollm2-135m-instruct")
    .option("--llama-server <path>", "an existing llama-server to use instead of building one")
    .addOption(
      new Option(
        "--peer-url <url>",
        "a running server to compare with; start, memory and small batches are then not compared",
      ).conflicts("llamaServer"),
    )
    .option("--no-peer", "measure Sluice alone")
    .option("--portkey <path>", "the script that starts a Portkey gateway whose cache is on, for the workload cache")
    .addOption(
      new Option(
        "--gpu <choice>",
        "GPU backend for both servers; off uses the CPU only. The llama-server that is built has CUDA or Vulkan where these are named",
      )
        .choices(["auto", "off", "cuda", "vulkan", "metal"])
        .default("off"),
    )
    .addOption(
      new Option("--threads <n>", "CPU threads for both servers")
        .argParser(wholeNumber(MAX_THREADS))
        .default(physicalCores(), "one for each physical core"),
    )
    .option("--out <folder>", "where the results go", "bench/results")
    .addHelpText("after", NOTES)
    .showHelpAfterError("`npm run bench -- --help` lists workloads and flags.");
  program.parse(argv, { from: "user" });
  const options = program.opts<Omit<Args, "workloads" | "quick"> & { readonly quick?: true }>();
  return { ...options, quick: options.quick === true, workloads: program.args };
}

function wholeNumber(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1 || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from 1 to ${max}.`);
    }
    return value;
  };
}
