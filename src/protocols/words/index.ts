import { ANTHROPIC } from "./anthropic.ts";
import { FRONTENDS } from "./frontends.ts";
import { NEIGHBOURS } from "./neighbours.ts";
import { OPENAI } from "./openai.ts";
import { OTHER_ROUTES } from "./other-routes.ts";
import { ROUTES, type Route, type Word } from "./word.ts";

/**
 * The fields that clients send because another server or another route has them, and how each is treated. Validation, the API description
 * and docs/compatibility.md are based on this list. A field that is neither here nor in a route's schema is ignored, as OpenAI does.
 */
export const WORDS: readonly Word[] = [...OPENAI, ...ANTHROPIC, ...NEIGHBOURS, ...FRONTENDS, ...OTHER_ROUTES];

const BY_ROUTE: ReadonlyMap<Route, readonly Word[]> = new Map(
  ROUTES.map((route) => [route, WORDS.filter(({ routes }) => routes.includes(route))]),
);

export function wordsOf(route: Route): readonly Word[] {
  return BY_ROUTE.get(route) ?? [];
}
