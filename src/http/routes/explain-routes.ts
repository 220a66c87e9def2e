import type { Handler } from "hono";
import { z } from "zod";
import { PRIORITIES } from "../../generation/terms.ts";
import { InvalidRequestError } from "../../protocols/errors.ts";
import { parseWire } from "../../protocols/issue.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import type { Explanation } from "../../routing/explain.ts";
import { NEEDS, type Need } from "../../routing/policy.ts";
import type { HttpEnv } from "../context.ts";

const number = (most: number) =>
  z
    .string()
    .regex(/^\d{1,12}(\.\d{1,6})?$/, { error: `a number from 0 to ${most}` })
    .transform(Number)
    .pipe(z.number().max(most))
    .optional();

/** The query of `GET /admin/routes`: a request that nobody has sent. */
const routeQuery = z.strictObject({
  route: z.string().min(1).max(4_096).optional(),
  class: z.enum(PRIORITIES).optional(),
  tokens: number(1e9),
  answer_tokens: number(1e9),
  needs: z.string().max(256).optional(),
  key: z.string().max(256).optional(),
  used: number(1),
  preset: z.string().max(256).optional(),
  session: z.string().max(4_096).optional(),
  local_only: z.enum(["true", "false"]).optional(),
  at: z.iso.datetime({ offset: true }).optional(),
});

/** `GET /admin/routes`: where one or all routes would send such a request now, and what that is decided by. */
export function explainRoutes(models: ModelDirectory): Handler<HttpEnv> {
  return (c) => {
    const query = parseWire(routeQuery, c.req.query());
    const { route, class: priority, tokens, answer_tokens: answerTokens, key, used, preset, session, at } = query;
    const described = {
      ...(priority !== undefined && { class: priority }),
      ...(tokens !== undefined && { promptTokens: Math.round(tokens) }),
      ...(answerTokens !== undefined && { answerTokens: Math.round(answerTokens) }),
      ...(preset !== undefined && { preset }),
      ...(session !== undefined && { session }),
      needs: readNeeds(query.needs),
      isLocalOnly: query.local_only === "true",
      ...{ key, usedShare: used, ...(at !== undefined && { atMs: Date.parse(at) }) },
    };
    const known = models.routes().map(({ id }) => id);
    const wanted = route === undefined ? known : [route];
    const data = wanted.map((name) => {
      const explanation = models.explain(name, described);
      if (explanation === undefined) {
        const message = `There is no route '${name.slice(0, 128)}'. Routes: ${known.join(", ") || "none"}.`;
        throw new InvalidRequestError(message, "route", "route_not_found");
      }
      return encode(name, explanation);
    });
    return c.json({ object: "list", data });
  };
}

function encode(route: string, { candidates, excluded, targets }: Explanation) {
  return {
    object: "route",
    route,
    candidates: candidates.map(({ target, deferred }) => ({ target, reason: deferred ?? null })),
    excluded,
    targets: targets.map(({ target, state, firstTokenMs, cost, waiting, running }) => ({
      ...{ target, state, first_token_ms: firstTokenMs ?? null, cost: cost ?? null },
      ...{ waiting: waiting ?? null, running: running ?? null },
    })),
  };
}

function readNeeds(text: string | undefined): readonly Need[] {
  return (text?.split(",") ?? []).map((given) => {
    const need = NEEDS.find((each) => each === given.trim());
    if (need === undefined)
      throw new InvalidRequestError(`needs: give some of ${NEEDS.join(", ")}.`, "needs", "invalid_value");
    return need;
  });
}
