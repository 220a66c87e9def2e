import { type Flags, loadConfig } from "../config/load.ts";
import { type CliContext, EXIT } from "./context.ts";
import { describeError } from "./errors.ts";
import { fetchModel, resolveModels } from "./fetch-models.ts";
import { watchInterrupts } from "./interrupts.ts";
import { formatBytes } from "./units.ts";

/**
 * `sluice pull NAME...`: downloads what is missing and prints each model's path. One that fails does not keep the others from
 * coming. Returns the exit code. Throws what `resolveModel` throws, a ConfigError, and an InterruptedError at a signal.
 */
export async function pull(names: readonly string[], flags: Flags, context: CliContext): Promise<number> {
  const { config } = loadConfig({ flags, env: context.env, cwd: context.cwd });
  const references = await resolveModels(names, context.cwd);
  const interrupts = watchInterrupts({
    source: context.process,
    env: context.env,
    exitNow: ({ exitCode }) => context.process.exit(exitCode),
  });
  const pulled: object[] = [];
  let failures = 0;
  try {
    for (const reference of references) {
      try {
        const { id, path, sizeBytes } = await fetchModel(reference, {
          modelsDir: config.modelsDir,
          cwd: context.cwd,
          env: context.env,
          stderr: context.stderr,
          signal: interrupts.signal,
        });
        pulled.push({ id, path, sizeBytes });
        if (flags.json !== true) context.stdout.write(`${id}: ${path} (${formatBytes(sizeBytes)})\n`);
      } catch (error) {
        if (interrupts.signal.aborted) throw error;
        failures++;
        context.stderr.write(`error: ${describeError(error)}\n`);
      }
    }
  } finally {
    interrupts.dispose();
  }
  if (flags.json === true) context.stdout.write(`${JSON.stringify(pulled, null, 2)}\n`);
  return failures === 0 ? EXIT.done : EXIT.failed;
}
