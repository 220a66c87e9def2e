import { z } from "zod";
import type { Flags } from "../config/load.ts";
import { parseDate } from "../keys/duration.ts";
import { type CliContext, EXIT } from "./context.ts";
import { CommandError, UsageError } from "./errors.ts";
import { reachRunning } from "./reach-gateway.ts";
import { formatTable } from "./table.ts";

const TIMEOUT_MS = 10_000;

/** The flags that are sent on as they are, and their names there. */
const SENT = [
  ["explain", "route"],
  ["class", "class"],
  ["tokens", "tokens"],
  ["answerTokens", "answer_tokens"],
  ["needs", "needs"],
  ["key", "key"],
  ["used", "used"],
  ["preset", "preset"],
  ["session", "session"],
] as const;

const explanationSchema = z.object({
  candidates: z.array(z.object({ target: z.string(), reason: z.string().nullable() })),
  excluded: z.array(z.object({ target: z.string(), reason: z.string() })),
  targets: z.array(
    z.object({
      ...{ target: z.string(), state: z.string(), first_token_ms: z.number().nullable(), cost: z.number().nullable() },
      ...{ waiting: z.number().nullable(), running: z.number().nullable() },
    }),
  ),
});

const answerSchema = z.object({ data: z.array(explanationSchema) });

type Explanation = z.infer<typeof explanationSchema>;

/** `sluice route --explain ROUTE --url URL`: prints where a running gateway would send such a request now. Throws a CommandError. */
export async function explainRunning(flags: Flags, context: CliContext): Promise<number> {
  const { stdout } = context;
  if (typeof flags.explain !== "string") throw new UsageError("--url: name the route with --explain.");
  if (flags.wait !== undefined) throw new UsageError("--wait: a running gateway predicts its waits itself.");
  const query = new URLSearchParams();
  for (const [flag, name] of SENT) {
    const value = flags[flag];
    if (typeof value === "string") query.set(name, value);
  }
  if (flags.localOnly === true) query.set("local_only", "true");
  if (typeof flags.at === "string") query.set("at", readTime(flags.at));
  const client = reachRunning(flags, context, AbortSignal.timeout(TIMEOUT_MS));
  const [found] = answerSchema.parse(await client.get(`/admin/routes?${query}`)).data;
  if (found === undefined) throw new CommandError("The gateway has explained nothing.");
  stdout.write(flags.json === true ? `${JSON.stringify(found, null, 2)}\n` : describe(found));
  return EXIT.done;
}

function describe({ candidates, excluded, targets }: Explanation): string {
  function row(place: string, target: string, reason: string): string[] {
    const {
      state = "",
      first_token_ms: ms = null,
      cost = null,
      waiting = null,
      running = null,
    } = targets.find((each) => each.target === target) ?? {};
    const load = waiting === null || running === null ? "" : `${running}+${waiting}`;
    return [
      place,
      target,
      state,
      ms === null ? "" : `${Math.round(ms)} ms`,
      load,
      cost === null ? "" : `$${cost.toFixed(6)}`,
      reason,
    ];
  }
  return formatTable(
    [
      ["", "TARGET", "STATE", "WAIT", "RUNNING+WAITING", "COST", "REASON"],
      ...candidates.map(({ target, reason }, index) => row(String(index + 1), target, reason ?? "")),
      ...excluded.map(({ target, reason }) => row("-", target, `excluded: ${reason}`)),
    ],
    [3, 4, 5],
  );
}

function readTime(text: string): string {
  const ms = parseDate(text);
  if (ms !== undefined) return new Date(ms).toISOString();
  throw new UsageError(`--at: ${JSON.stringify(text)} is not allowed. Give a time such as 2026-11-29T23:00Z.`);
}
