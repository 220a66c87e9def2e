import type { ProcessSpec } from "./process.ts";
import type { ServerLauncher, ServerSettings } from "./server.ts";
import type { SharedSettings } from "./settings.ts";

/**
 * llama.cpp's own server. It runs with its defaults, except for what both sides get: the model, the threads, the slots and the context
 * of each (`-c` is the sum over the slots), and the processor alone where no GPU is to be used.
 *
 * @param extraArgs more of its flags, such as `-b 128`
 */
export function llamaServerLauncher(
  binary: string,
  shared: SharedSettings,
  { slots, contextTokens }: ServerSettings,
  extraArgs: readonly string[] = [],
): ServerLauncher {
  const sizes = ["--parallel", String(slots), "--ctx-size", String(slots * contextTokens)];
  const device = shared.gpu === "off" ? ["--device", "none"] : [];
  return {
    readyPath: "/health",
    command: (port): ProcessSpec => ({
      command: binary,
      args: [
        ...["--model", shared.modelPath, "--host", "127.0.0.1", "--port", String(port), "--offline"],
        ...["--threads", String(shared.threads), ...sizes, ...device, ...extraArgs],
      ],
      logFile: shared.logFile("llama-server"),
    }),
  };
}
