import { z } from "zod";
import type { Flags } from "../../config/load.ts";
import { type CliContext, EXIT } from "../context.ts";
import { reachRunning } from "../reach-gateway.ts";
import { formatTable } from "../table.ts";
import { readQuestion } from "./options.ts";

/** The gateway gives a simulation 20 s. */
const TIMEOUT_MS = 30_000;

/** From here on the simulation can't be believed. */
const UNLIKE = 0.35;

const percentiles = { p50_ms: z.number().nullable(), p95_ms: z.number().nullable() };

const resultSchema = z.object({
  ...percentiles,
  ...{ answered: z.number(), spilled: z.number(), refused: z.number(), cost: z.number().nullable() },
  classes: z.array(z.object({ class: z.string(), ...percentiles })),
});

const answerSchema = z.object({
  ...{ model: z.string(), requests: z.number() },
  ...{ measured: resultSchema, today: resultSchema, changed: resultSchema },
  errors: z.object({ p50: z.number().nullable(), p95: z.number().nullable() }),
});

type Answer = z.infer<typeof answerSchema>;
type Result = z.infer<typeof resultSchema>;

/**
 * `sluice what-if`: prints how a running gateway would have served its last requests with other settings. Throws a ConfigError, or a
 * CommandError for a wrong flag, or if the gateway refuses or there is none.
 */
export async function whatIf(flags: Flags, context: CliContext): Promise<number> {
  const { stdout, stderr } = context;
  const question = readQuestion(flags);
  const client = reachRunning(flags, context, AbortSignal.timeout(TIMEOUT_MS));
  const answered = await client.post("/admin/what-if", question);
  if (flags.json === true) {
    stdout.write(`${JSON.stringify(answered, null, 2)}\n`);
    return EXIT.done;
  }
  const answer = answerSchema.parse(answered);
  stdout.write(describe(answer));
  stderr.write(judge(answer));
  return EXIT.done;
}

function describe({ measured, today, changed }: Answer): string {
  const row = (name: string, of: (result: Result) => string) => [name, of(measured), of(today), of(changed)];
  const classes = today.classes.length > 1 ? today.classes.map((each) => each.class) : [];
  return formatTable(
    [
      ["", "MEASURED", "SIMULATED AS TODAY", "WITH THESE SETTINGS"],
      row("first token, half", ({ p50_ms: ms }) => formatMs(ms)),
      row("first token, 95 of 100", ({ p95_ms: ms }) => formatMs(ms)),
      ...classes.flatMap((name) => {
        const ofClass = ({ classes: all }: Result) => all.find((each) => each.class === name);
        return [
          row(`class ${name}, half`, (result) => formatMs(ofClass(result)?.p50_ms ?? null)),
          row(`class ${name}, 95 of 100`, (result) => formatMs(ofClass(result)?.p95_ms ?? null)),
        ];
      }),
      row("answered here", ({ answered }) => String(answered)),
      row("spilled", ({ spilled }) => String(spilled)),
      row("refused", ({ refused }) => String(refused)),
      row("cost", ({ cost }) => (cost === null ? "" : `$${cost.toPrecision(3)}`)),
    ],
    [1, 2, 3],
  );
}

/** How far the simulation can be believed. */
function judge({ model, requests, errors }: Answer): string {
  const [half, most] = [Math.abs(errors.p50 ?? 0), Math.abs(errors.p95 ?? 0)];
  const seen = `From the last ${requests} requests that ${model} answered; the simulation of today is off by ${percent(half)} for half of them, and by ${percent(most)} for 95 of 100.\n`;
  return Math.max(half, most) > UNLIKE
    ? `${seen}So what it says of other settings is a rough guess. More requests help.\n`
    : seen;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function formatMs(ms: number | null): string {
  if (ms === null) return "";
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}
