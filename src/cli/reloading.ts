import { type Flags, type LoadedConfig, loadConfig } from "../config/load.ts";
import type { RunningGateway } from "../gateway/start.ts";
import type { Logger } from "../telemetry/log.ts";
import type { CliContext } from "./context.ts";
import { settingsFiles } from "./read-settings.ts";
import { watchFiles } from "./watch-files.ts";

/** Reloads a gateway when asked to; if that was before the gateway ran, then as soon as it does. */
export function createReloading(): { readonly ask: () => void; readonly begin: (gateway: RunningGateway) => void } {
  let running: RunningGateway | undefined;
  let isAsked = false;

  function ask(): void {
    isAsked = true;
    // The gateway logs what comes of it.
    running?.reload?.().catch(() => {});
  }

  return {
    ask,
    begin(gateway) {
      running = gateway;
      if (isAsked) ask();
    },
  };
}

/** Asks for a reload when one of the settings' files changes, until disposed. */
export function watchSettings(
  first: LoadedConfig,
  flags: Flags,
  { env, cwd }: CliContext,
  logger: Logger,
  onChange: () => void,
): Disposable {
  let known = first;
  if (known.file === undefined) logger.warn("--watch-settings: there is no settings file to watch.");

  function files(): readonly string[] {
    try {
      known = loadConfig({ flags, env, cwd });
    } catch {
      // The reload reports what is wrong; the same files are watched on.
    }
    return settingsFiles(known, cwd);
  }

  const stop = watchFiles({
    files,
    onChange,
    onError: (err) => logger.error({ err }, "the settings file can't be watched: `sluice reload` takes changes over"),
  });
  return { [Symbol.dispose]: stop };
}
