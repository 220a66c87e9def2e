import type { MiddlewareHandler } from "hono";
import type { DroppedKeyword } from "../../grammar/schema/tolerance.ts";
import type { HttpEnv } from "../context.ts";

export const SCHEMA_DROPPED_HEADER = "sluice-schema-dropped";

/** What a header holds of names that clients choose. */
const MAX_LENGTH = 1_024;

/** Tells which keywords of a request's schemas its answer is not held to. */
export function schemaHeaders(): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    await next();
    const { droppedKeywords = [] } = c.get("facts");
    if (droppedKeywords.length > 0) {
      c.res.headers.set(SCHEMA_DROPPED_HEADER, formatDropped(droppedKeywords));
    }
  };
}

/** Such as `response_format.json_schema.schema.properties.tags.uniqueItems`, with commas between; what has no room is counted. */
export function formatDropped(dropped: readonly DroppedKeyword[]): string {
  const places = dropped.map(({ path, keyword }) => encode(keyword === "schema" ? path : `${path}.${keyword}`));
  let text = "";
  for (const [index, place] of places.entries()) {
    const longer = index === 0 ? place : `${text}, ${place}`;
    if (longer.length > MAX_LENGTH) {
      const left = `${places.length - index} more`;
      return text === "" ? left : `${text}, ${left}`;
    }
    text = longer;
  }
  return text;
}

/** In visible ASCII, which is all that headers hold, without the commas that stand between. */
function encode(place: string): string {
  return place.toWellFormed().replace(/[^\x21-\x7e]|,/gu, encodeURIComponent);
}
