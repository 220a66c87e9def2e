import type { CacheWish } from "../generation/cache.ts";
import type { Wish } from "../generation/wish.ts";
import type { Preset } from "./preset.ts";

/** Returns the preset's instructions to the response cache for a request. @param wish the client's wish, without the preset */
export function cacheWish(preset: Preset, wish: Wish): CacheWish {
  const { id, cache } = preset;
  return {
    preset: id,
    answers: cache.answers,
    ...(cache.ttlSeconds !== undefined && { freshSeconds: cache.ttlSeconds }),
    ...(cache.public && isPlain(wish) && { isPublic: true }),
    ...semanticWish(preset, wish),
  };
}

/** Only for a single user message: earlier turns and tools would have to be compared too. */
function semanticWish({ cache: { semantic }, tools }: Preset, wish: Wish): Pick<CacheWish, "semantic"> {
  const [message] = wish.prompt.type === "chat" ? wish.prompt.messages : [];
  if (semantic === undefined || message === undefined || tools.length > 0 || !isPlain(wish)) return {};
  const { model, ...terms } = semantic;
  return { semantic: { ...terms, ...(model !== undefined && { model }), text: message.content } };
}

/**
 * Whether the client sends only one user message and variables, as intended for public presets. Instructions, earlier turns and tools are
 * private to the tenant, and so are answers that depend on them.
 */
function isPlain({ prompt, tools, output, stop, sampling }: Wish): boolean {
  if (prompt.type !== "chat" || prompt.continueFinal === true || prompt.templateArguments !== undefined) return false;
  const [message, ...others] = prompt.messages;
  if (message?.role !== "user" || others.length > 0) return false;
  return tools === undefined && output === undefined && stop === undefined && sampling.badWords === undefined;
}
