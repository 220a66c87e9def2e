import { z } from "zod";
import type { Flags } from "../config/load.ts";
import { type CliContext, EXIT } from "./context.ts";
import { reachRunning } from "./reach-gateway.ts";
import { formatTable } from "./table.ts";

/** A rollback answers before the former file is loaded. */
const TIMEOUT_MS = 30_000;

const modelSchema = z.object({
  id: z.string(),
  versions: z.array(
    z.object({
      role: z.string(),
      name: z.string().optional(),
      file: z.string().optional(),
      // Gateways of earlier versions tell neither.
      path: z.string().optional(),
      modified_at: z.number().optional(),
      lacks: z.array(z.string()).optional(),
      quantization: z.string().optional(),
      state: z.string().optional(),
      share: z.number().optional(),
    }),
  ),
});
const listSchema = z.object({ data: z.array(modelSchema) });

type ToldModel = z.infer<typeof modelSchema>;

/** `sluice models versions`: prints the versions of a running gateway's local models. Throws a ConfigError, or a CommandError if there is no gateway. */
export async function listVersions(flags: Flags, context: CliContext): Promise<number> {
  const { data } = listSchema.parse(await reach(flags, context).get("/admin/models"));
  return print(data, flags, context);
}

/** `sluice models promote` and `rollback`. Throws the same, and a CommandError if the gateway can't. */
export async function changeVersion(
  change: "promote" | "rollback",
  model: string,
  flags: Flags,
  context: CliContext,
): Promise<number> {
  const told = modelSchema.parse(await reach(flags, context).post(`/admin/models/${change}`, { model }));
  return print([told], flags, context);
}

function reach(flags: Flags, context: CliContext) {
  return reachRunning(flags, context, AbortSignal.timeout(TIMEOUT_MS));
}

/** Such as `2026-11-22 08:30:00Z`: versions of a day are told apart. */
function showTime(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().replace("T", " ").replace(".000", "");
}

function print(models: readonly ToldModel[], flags: Flags, { stdout }: CliContext): number {
  if (flags.json === true) {
    stdout.write(`${JSON.stringify(models, null, 2)}\n`);
    return EXIT.done;
  }
  const rows = models.flatMap(({ id, versions }) =>
    versions.map(({ role, file = "", path = file, modified_at: at, quantization = "", state = "", share }) => [
      ...[id, role, path, at === undefined ? "" : showTime(at), quantization, state],
      share === undefined ? "" : `${Math.round(share * 100)} %`,
    ]),
  );
  stdout.write(formatTable([["MODEL", "VERSION", "FILE", "CHANGED", "QUANTIZATION", "STATE", "SHARE"], ...rows], [6]));
  for (const { id, versions } of models) {
    for (const { role, lacks = [] } of versions) {
      if (lacks.includes("chat_template") && role !== "former") {
        stdout.write(`Warning: the ${role} version of ${id} has no chat template: ChatML is used for its chats.\n`);
      }
    }
  }
  return EXIT.done;
}
