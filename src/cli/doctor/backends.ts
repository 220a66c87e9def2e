import type { GpuChoice } from "../../engine/contract/messages.ts";
import type { Inspection } from "../../engine/host/inspect.ts";
import { BACKENDS, type Backend } from "../../engine/inspect/report.ts";
import type { InstalledBinding, Platform, Program } from "../../engine/programs.ts";
import { formatBytes } from "../units.ts";
import { type Check, good, note, problem } from "./check.ts";

/** The report of a llama.cpp that opened. */
export type Opened = Extract<Inspection, { type: "opened" }>;

type LinkErrors = Extract<Inspection, { type: "refused" }>["linkErrors"];

export type BackendFindings = {
  readonly choice: GpuChoice;
  readonly host: Platform;
  readonly binding: InstalledBinding;
  /** The result of opening llama.cpp with `choice`. */
  readonly chosen: Inspection;
  /** The result of opening each installed backend. */
  readonly tried: ReadonlyMap<Backend, Inspection>;
};

const NPM_CI = "Run `npm ci`, without --omit=optional, to get llama.cpp's programs for this machine.";

/** The names to print. */
const NAMES: Readonly<Record<Backend, string>> = { cpu: "CPU", cuda: "CUDA", vulkan: "Vulkan", metal: "Metal" };

/** The backend that a choice names; undefined for `auto`. */
export function backendOf(choice: GpuChoice): Backend | undefined {
  if (choice === "auto") return undefined;
  return choice === "off" ? "cpu" : choice;
}

/** Which backend runs the model, and why the others don't. */
export function checkBackends(findings: BackendFindings): readonly Check[] {
  const { chosen, choice } = findings;
  const told = chosen.type === "opened" ? chosen.backend : backendOf(choice);
  return [
    checkChosen(findings),
    ...BACKENDS.filter((backend) => backend !== told).map((backend) =>
      note(NAMES[backend], explainUnused(backend, findings)),
    ),
  ];
}

function checkChosen({ choice, host, chosen, binding }: BackendFindings): Check {
  if (chosen.type === "opened") {
    return good("device", `${describeDevice(chosen)} (--gpu ${choice})`);
  }
  const own = backendOf(choice);
  const missing = own && explainMissing(own, binding.programs[own], host);
  const message = `llama.cpp does not open with --gpu ${choice}: ${missing ?? explainFailure(chosen)}`;
  const hasProgram = BACKENDS.some((backend) => binding.programs[backend].state === "installed");
  if (!hasProgram) return problem("device", message, NPM_CI);
  const advice =
    own === undefined || own === "cpu"
      ? "The lines below list the alternatives."
      : "Fix that, or start with --gpu auto, which uses a backend that works.";
  return problem("device", message, advice);
}

function describeDevice({ backend, deviceNames, deviceMemory }: Opened): string {
  if (backend === "cpu") return "the CPU runs the model";
  const devices = deviceNames.length === 0 ? "a GPU" : deviceNames.join(", ");
  const memory =
    deviceMemory === undefined
      ? ""
      : `, ${formatBytes(deviceMemory.freeBytes)} of ${formatBytes(deviceMemory.totalBytes)} free`;
  return `${NAMES[backend]} runs the model: ${devices}${memory}`;
}

function explainUnused(backend: Backend, { choice, host, binding, chosen, tried }: BackendFindings): string {
  const missing = explainMissing(backend, binding.programs[backend], host);
  if (missing !== undefined) return `not used: ${missing}`;
  const inspection = tried.get(backend);
  if (inspection === undefined) return "not used";
  if (inspection.type !== "opened") return `not used: ${explainFailure(inspection)}`;
  const flag = `--gpu ${backend === "cpu" ? "off" : backend}`;
  if (chosen.type !== "opened") return `works; ${flag} selects it`;
  if (backend === "cpu") return "works too, and runs what the GPU can't";
  if (choice !== "auto") return `works, and --gpu ${choice} selects another; ${flag} selects it`;
  if (chosen.backend !== "cpu") return `works, and --gpu auto prefers ${NAMES[chosen.backend]}; ${flag} selects it`;
  return `works, and --gpu auto does not see that: it looks for libraries in the usual folders only; ${flag} selects it`;
}

function explainMissing(backend: Backend, program: Program, { platform, arch }: Platform): string | undefined {
  switch (program.state) {
    case "installed":
      return undefined;
    case "unavailable":
      return backend === "metal"
        ? "Metal is for Macs with Apple's processors"
        : `llama.cpp comes without a program for ${NAMES[backend]} on ${platform} ${arch}`;
    case "missing":
      return `${program.package} is not installed; \`npm ci\` installs it`;
    case "mismatched":
      return `${program.package} has the version ${program.version}, which does not fit; \`npm ci\` installs the right one`;
  }
}

/** Why llama.cpp did not open: the error of the loader, of the binding, or of the process. */
function explainFailure(inspection: Exclude<Inspection, Opened>): string {
  if (inspection.type === "crashed") {
    const lastLine = inspection.lastLines.at(-1);
    return `it crashes: ${inspection.reason}${lastLine === undefined ? "" : `; its last output: ${lastLine}`}`;
  }
  return (
    explainLinkErrors(inspection.linkErrors) ?? `its libraries load, but it finds no usable device. ${LOOK_FOR_DEVICE}`
  );
}

/** What to do about what is missing; docs/gpu.md has the same at length. */
const INSTALL = {
  nvidia: "For an NVIDIA GPU, install NVIDIA's driver: 580 or newer for CUDA 13, 525 or newer for CUDA 12",
  vulkan: "For other GPUs, install a Vulkan driver, such as the package mesa-vulkan-drivers, and libvulkan1",
  runtime: "Install the libraries of CUDA 13 or 12, such as the package cuda-libraries-13-0 of NVIDIA's repository",
} as const;
const LOOK_FOR_DEVICE =
  "`nvidia-smi` or `vulkaninfo --summary` shows what the driver sees; a container needs the GPU passed in (--gpus all), and a user the group render";

/** Undefined if everything loads. */
function explainLinkErrors({ addon, driver, variants }: LinkErrors): string | undefined {
  const errors = [driver, addon, ...variants].filter((error) => error !== undefined);
  const notFound = [...new Set(errors.flatMap((error) => missingLibrary(error) ?? []))].join(", ");
  const missingDriver = driver && missingLibrary(driver);
  if (missingDriver !== undefined) {
    const isNvidia = missingDriver.startsWith("libcuda.");
    return `there is no ${isNvidia ? "NVIDIA" : "Vulkan"} driver here (not found: ${notFound}). ${isNvidia ? INSTALL.nvidia : INSTALL.vulkan}`;
  }
  if (addon !== undefined) return `llama.cpp itself does not load: ${addon}`;
  const broken = errors.find((error) => missingLibrary(error) === undefined);
  if (broken !== undefined) return `a library does not load: ${broken}`;
  return notFound === ""
    ? undefined
    : `there is a driver, but no runtime for it (not found: ${notFound}; one of them is enough). ${INSTALL.runtime}`;
}

/** The library that the loader did not find: `libvulkan.so.1: cannot open shared object file: No such file or directory`. */
function missingLibrary(linkError: string): string | undefined {
  return /^(\S+): cannot open shared object file/.exec(linkError)?.[1];
}
