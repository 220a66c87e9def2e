import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { resolve } from "node:path";
import { type Flags, loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { GpuChoice } from "../engine/contract/messages.ts";
import { inspectBackend } from "../engine/host/inspect.ts";
import { BACKENDS, type Backend } from "../engine/inspect/report.ts";
import { findBinding, type InstalledBinding, type Platform, pinnedBindingVersion } from "../engine/programs.ts";
import { prefixesFolder } from "../gateway/kept-prefixes.ts";
import { inspectUpstreams } from "../gateway/upstreams.ts";
import { isLoopback } from "../keys/exposure.ts";
import type { LocalModel } from "../models/index.ts";
import { readVersion } from "../version.ts";
import { type CliContext, EXIT } from "./context.ts";
import { type BackendFindings, backendOf, checkBackends, type Opened } from "./doctor/backends.ts";
import { type Check, canServe, good, problem } from "./doctor/check.ts";
import { checkModelsFolder, checkScratchFolder, lookAtFolder } from "./doctor/disk.ts";
import { formatChecks } from "./doctor/format.ts";
import { checkMemory, estimateMemory, type Memory } from "./doctor/memory.ts";
import { checkAdapters, checkModels, findModels, type ModelFinding } from "./doctor/models.ts";
import { checkOnDemand, findOnDemand } from "./doctor/on-demand.ts";
import { checkProcessor, checkThreads } from "./doctor/processor.ts";
import { checkNames, checkSettings } from "./doctor/settings.ts";
import { checkUpstreams } from "./doctor/upstreams.ts";
import { describeError } from "./errors.ts";
import { hasKeys } from "./has-keys.ts";
import { checkAddress } from "./listen.ts";

/** What the doctor reads of the machine. Tests replace it. */
export type Probes = {
  readonly host: Platform;
  readonly nodeVersion: string;
  readonly processorModel: string;
  /** The number of cores that this process may use. */
  readonly usableCores: number;
  readonly tmpdir: string;
  readonly memory: () => Memory;
  readonly findBinding: (platform: Platform) => InstalledBinding | undefined;
  readonly inspectBackend: typeof inspectBackend;
  readonly checkAddress: typeof checkAddress;
  readonly lookAtFolder: typeof lookAtFolder;
  readonly findModels: typeof findModels;
  readonly hasKeys: typeof hasKeys;
  readonly inspectUpstreams: typeof inspectUpstreams;
};

const realProbes: Probes = {
  host: process,
  nodeVersion: process.versions.node,
  processorModel: cpus()[0]?.model.trim() ?? "",
  usableCores: availableParallelism(),
  tmpdir: tmpdir(),
  // The memory available without swapping, within a container's limit.
  memory: () => ({
    totalBytes: Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY),
    availableBytes: process.availableMemory(),
  }),
  findBinding,
  inspectBackend,
  checkAddress,
  lookAtFolder,
  findModels,
  hasKeys,
  inspectUpstreams,
};

/**
 * `sluice doctor`: checks the machine, the settings and the models, and prints what Sluice will use and what prevents it from serving. Changes
 * nothing. Returns 0 if Sluice can serve, otherwise 1. Throws a ConfigError or a CatalogueError.
 */
export async function doctor(flags: Flags, context: CliContext, probes: Probes = realProbes): Promise<number> {
  const { config, warnings } = loadConfig({ flags, env: context.env, cwd: context.cwd });
  const options = { modelsDir: config.modelsDir, cwd: context.cwd, verify: flags.verify === true };
  const [backends, findings, modelsFolder, scratchFolder, port, upstreams] = await Promise.all([
    findBackends(config, probes),
    probes.findModels(config.model, options),
    probes.lookAtFolder(resolve(context.cwd, config.modelsDir)),
    probes.lookAtFolder(prefixesFolder(config, context.cwd) ?? probes.tmpdir),
    checkPort(config, probes),
    probes.inspectUpstreams(config, context.env),
  ]);
  const onDemand = await findOnDemand(config, findings, options, probes.findModels);
  const models = modelsHere(findings);
  const opened = openedBackend(backends);
  const memory = probes.memory();
  const estimate = estimateMemory(models, config);
  const processor = opened && {
    model: probes.processorModel,
    mathCores: opened.mathCores,
    usableCores: probes.usableCores,
    systemInfo: opened.systemInfo,
  };
  const { platform, arch } = probes.host;

  const checks: readonly Check[] = [
    good("Sluice", `${readVersion()} on Node ${probes.nodeVersion}, ${platform} ${arch}`),
    checkBinding(backends, opened),
    ...(backends === undefined ? [] : checkBackends(backends)),
    ...(processor === undefined ? [] : [checkProcessor(processor), ...checkThreads(config, processor)]),
    ...checkModels([...findings, ...onDemand]),
    ...(await checkAdapters(config.adapters, [...findings, ...onDemand], context.cwd)),
    ...checkUpstreams(upstreams),
    ...checkMemory(estimate, memory, opened, config),
    ...checkOnDemand(models, modelsHere(onDemand), config, memory.availableBytes),
    checkModelsFolder(modelsFolder, [...findings, ...onDemand]),
    ...checkScratchFolder(scratchFolder, config),
    port,
    ...checkNames(warnings),
    // The state file is read only if the result depends on it.
    ...checkSettings(
      config,
      [...models, ...modelsHere(onDemand)],
      isLoopback(config.host) || probes.hasKeys(config, context.cwd),
    ),
  ];
  const serves = canServe(checks);
  if (flags.json === true) {
    const machine = { platform, arch, node: probes.nodeVersion, processor, memory, modelsFolder, scratchFolder };
    const llamaCpp = backends && {
      ...backends.binding,
      chosen: backends.chosen,
      tried: Object.fromEntries(backends.tried),
    };
    const report = {
      canServe: serves,
      checks,
      machine,
      llamaCpp,
      models: findings,
      onDemand,
      upstreams,
      memoryEstimate: estimate,
    };
    context.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } else {
    context.stdout.write(formatChecks(checks));
  }
  return serves ? EXIT.done : EXIT.failed;
}

function modelsHere(findings: readonly ModelFinding[]): readonly LocalModel[] {
  return findings.flatMap((finding) => (finding.state === "here" ? [finding.model] : []));
}

/** Opens llama.cpp with the configured backend and with every other installed one. Undefined without node-llama-cpp. */
async function findBackends(config: Config, probes: Probes): Promise<BackendFindings | undefined> {
  const binding = probes.findBinding(probes.host);
  if (binding === undefined) return undefined;
  const inspect = (choice: GpuChoice, backend: Backend) => {
    const program = binding.programs[backend];
    return probes.inspectBackend(choice, program.state === "installed" ? program.libraries : undefined);
  };
  const own = backendOf(config.gpu);
  // `auto` fails only if the CPU's program doesn't open, so the libraries of that one are checked.
  const chosen = await inspect(config.gpu, own ?? "cpu");
  const known = chosen.type === "opened" ? chosen.backend : own;
  const others = BACKENDS.filter((backend) => backend !== known && binding.programs[backend].state === "installed");
  const inspections = others.map(
    async (backend) => [backend, await inspect(backend === "cpu" ? "off" : backend, backend)] as const,
  );
  return { choice: config.gpu, host: probes.host, binding, chosen, tried: new Map(await Promise.all(inspections)) };
}

/** The report of the configured backend or, if it doesn't open, of any that does, which also describes the machine. */
function openedBackend(backends: BackendFindings | undefined): Opened | undefined {
  if (backends === undefined) return undefined;
  return [backends.chosen, ...backends.tried.values()].find((inspection) => inspection.type === "opened");
}

function checkBinding(backends: BackendFindings | undefined, opened: Opened | undefined): Check {
  if (backends === undefined) {
    return problem("llama.cpp", "node-llama-cpp is not installed", "Run `npm ci`, without --omit=optional.");
  }
  const { version } = backends.binding;
  const pinned = pinnedBindingVersion();
  if (version !== pinned) {
    return problem(
      "llama.cpp",
      `node-llama-cpp is ${version}, and Sluice needs ${pinned} exactly`,
      "Run `npm ci` to get it.",
    );
  }
  return good("llama.cpp", `${opened === undefined ? "" : `${opened.release}, by `}node-llama-cpp ${version}`);
}

async function checkPort({ host, port }: Config, probes: Probes): Promise<Check> {
  try {
    await probes.checkAddress({ host, port });
    return good("address", port === 0 ? `${host} can be had, with any free port` : `${host}, port ${port} is free`);
  } catch (error) {
    // The first sentence says what is wrong, the rest what to do.
    const [message = "", ...advice] = describeError(error).split(/(?<=\.) /);
    return problem("address", message.replace(/\.$/, ""), advice.join(" ") || "Choose others with --host and --port.");
  }
}
