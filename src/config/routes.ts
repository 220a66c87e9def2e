import { z } from "zod";

const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
]);

/** No client waits longer than a day. */
const MAX_MS = 86_400_000;

const DURATION = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m)$/;

/** A time with its unit, in ms. */
const duration = z
  .string()
  .regex(DURATION)
  .transform(readDuration)
  .pipe(z.number().min(1).max(MAX_MS))
  .describe("a time from 1ms to a day with its unit, such as 500ms, 3s or 2m");

const CLASSES = ["interactive", "default", "batch"] as const;
const NEEDS = ["tools", "schemas", "logprobs", "images"] as const;
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

const name = z.string().min(1).max(4096);
const names = z.array(name).min(1).max(64);
const money = z.number().min(0).max(1_000_000);
const tokens = z.int().min(0).max(1_000_000_000);

const HOURS = /^([01]\d|2[0-3]):[0-5]\d-([01]\d:[0-5]\d|2[0-3]:[0-5]\d|24:00)$/;

/** Only requests of this kind go to the target. */
const conditionsSchema = z.strictObject({
  class: z.array(z.enum(CLASSES)).min(1).max(3).optional(),
  /** Ids or names. */
  keys: names.optional(),
  presets: names.optional(),
  /** Requests that need one of these. */
  needs: z.array(z.enum(NEEDS)).min(1).max(NEEDS.length).optional(),
  /** The estimated length of the prompt. */
  minTokens: tokens.optional(),
  maxTokens: tokens.optional(),
  hours: z.string().regex(HOURS).describe("hours of the day such as 08:00-18:00 or 22:00-06:00").optional(),
  days: z.array(z.enum(DAYS)).min(1).max(7).optional(),
  zone: z.string().max(64).refine(isZone).describe("a time zone such as Europe/Berlin").default("UTC"),
  /** The target is used up to this share of the key's limits of tokens and of money. */
  usedUpTo: z.number().min(0).max(1).optional(),
});

const targetSchema = z
  .preprocess(
    (value) => (typeof value === "string" ? { model: value } : value),
    z.strictObject({
      /** An id or alias. */
      model: name,
      /** Neighbours with weights share the requests of their place. */
      weight: z.number().min(0).max(1_000_000).optional(),
      /** Go on to the next target where the first token is predicted to come later. */
      spill: z
        .preprocess(
          (value) => (typeof value === "string" ? { after: value } : value),
          z.strictObject({ after: duration, maxCost: money.optional() }),
        )
        .describe("a time such as 3s, or a group with after: 3s")
        .optional(),
      /** The estimated cost of one request. */
      maxCost: money.optional(),
      when: conditionsSchema.optional(),
    }),
  )
  .describe("a model's name, or a group with model: NAME");

const hedgeSchema = z.strictObject({
  after: duration,
  /** The most requests that are sent twice, as a share of all. */
  most: z.number().min(0).max(0.5).default(0.05),
  class: z.array(z.enum(CLASSES)).min(1).max(3).default(["interactive"]),
});

const logprob = z.number().min(-1_000).max(0);

const cascadeSchema = z
  .strictObject({
    /** The least log-probabilities at which the first target's answer is used: on average, and of its least likely token. */
    mean: logprob.optional(),
    least: logprob.optional(),
    /** In tokens. */
    decideAfter: z.int().min(1).max(100_000).optional(),
  })
  .refine(({ mean, least }) => mean !== undefined || least !== undefined, {
    params: { reason: "give mean, least or both" },
  });

/** One route. `NAME=MODEL` is one with a single target; several of the same name make one. */
export const routeSchema = z
  .preprocess(
    readShortForms,
    z
      .strictObject({
        name,
        targets: z.array(targetSchema).min(1).max(1_024),
        hedge: hedgeSchema.optional(),
        /** Whether another target continues an answer that breaks off. */
        continue: z.boolean().optional(),
        /** The other targets are asked if the first is not sure of its answer. */
        cascade: cascadeSchema.optional(),
      })
      .superRefine(({ targets }, context) => {
        const seen = new Set<string>();
        for (const [index, { model }] of targets.entries()) {
          if (seen.has(model.toLowerCase())) {
            const reason = `${JSON.stringify(model)} is a target of this route already. Name it once.`;
            context.addIssue({ code: "custom", path: ["targets", index, "model"], params: { reason } });
          }
          seen.add(model.toLowerCase());
        }
      }),
  )
  .describe("NAME=MODEL");

function readDuration(text: string): number {
  const [, count = "", unit = ""] = DURATION.exec(text) ?? [];
  return Number(count) * (UNITS_MS.get(unit) ?? Number.NaN);
}

function isZone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }) !== undefined;
  } catch {
    return false;
  }
}

/** The forms that stand for a group of keys: `NAME=MODEL`, and a list of targets. */
function readShortForms(given: unknown): unknown {
  if (typeof given === "string") {
    const [, route, model] = /^\s*([^=\s][^=]*?)\s*=\s*(\S.*?)\s*$/.exec(given) ?? [];
    return route === undefined ? given : { name: route, targets: [model] };
  }
  if (typeof given !== "object" || given === null || !("value" in given)) return given;
  const { value: targets, ...rest } = given;
  return { ...rest, targets };
}
