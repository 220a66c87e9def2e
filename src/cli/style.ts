import { styleText } from "node:util";
import type { CliContext, Output } from "./context.ts";

/** Puts a colour or a weight around words. */
export type Paint = (style: Parameters<typeof styleText>[0], words: string) => string;

/** Whether output gets colours: as FORCE_COLOR and NO_COLOR say, else if it is a terminal that knows them. An empty variable counts as not set. */
export function hasColours(output: Pick<Output, "isTTY">, env: NodeJS.ProcessEnv): boolean {
  // https://force-color.org and https://no-color.org; Node and most tools take 0 and false for no.
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== "0" && env.FORCE_COLOR !== "false";
  if (env.NO_COLOR) return false;
  return output.isTTY === true && env.TERM !== "dumb";
}

/** How a command paints what it writes to `output`, which is not at all where there are no colours. */
export function paintFor(output: Pick<Output, "isTTY">, { env }: Pick<CliContext, "env">): Paint {
  return hasColours(output, env)
    ? (style, words) => styleText(style, words, { validateStream: false })
    : (_, words) => words;
}
