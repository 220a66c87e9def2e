import type { Command } from "commander";
import type { Flags } from "../config/load.ts";
import type { CliContext } from "./context.ts";
import { addExamples } from "./help.ts";
import { addAllSettings } from "./options.ts";

/** Adds the commands that look at this machine and its settings. */
export function addMachineCommands(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const doctor = program
    .command("doctor")
    .summary("check the machine, the settings and the models")
    .description(
      "check the machine, the settings and the models, and report what Sluice will use and what prevents it from serving",
    )
    .option("--verify", "also compare each model's SHA-256, which reads whole files")
    .option("--json", "print the findings as JSON")
    .action(async (flags: Flags) => {
      const { doctor } = await import("./doctor.ts");
      done(await doctor(flags, context));
    });
  addAllSettings(doctor);
  addExamples(
    doctor,
    ["sluice doctor", "with the settings of this folder"],
    ["sluice doctor --gpu cuda --verify", "whether CUDA can be used, and whether all files are whole"],
  );

  const config = program
    .command("config")
    .description("print the settings in effect and where each came from")
    .option("--check", "print only what is wrong; exit with 1 if a gateway can't start with them")
    .option("--json", "print them as JSON")
    .action(async (flags: Flags) => {
      const { config } = await import("./config.ts");
      done(await config(flags, context));
    });
  addAllSettings(config);
  addExamples(
    config,
    ["sluice config --slots 8", "what would be in effect with this flag"],
    ["sluice config --check --config new.yaml", "whether a file is valid"],
  );
}
