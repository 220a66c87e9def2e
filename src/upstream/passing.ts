import type { Verbatim, WireProtocol } from "../generation/verbatim.ts";
import { isJsonObject } from "../json/exact-number.ts";
import { membersOf } from "../json/members.ts";
import type { Target } from "./api.ts";
import type { Kind } from "./kinds.ts";

/** What not every server can. */
type Need = "tools" | "schemas" | "logprobs" | "images";

/** How requests and answers of an API are passed on as they came. */
export type Passing = {
  /** Where each kind of request goes, after the prefix. */
  readonly paths: Readonly<Partial<Record<WireProtocol, string>>>;
  /** The members of the body that are replaced, as JSON. */
  readonly changes: (verbatim: Verbatim, target: Target) => Readonly<Record<string, string>>;
  /** The field for the length of the answer. */
  readonly lengthField: (verbatim: Verbatim, target: Target) => string;
  readonly needs: (body: Verbatim["body"]) => readonly Need[];
  /** Whether a message of a stream tells neither an end nor usage nor a failure, so that it need not be read. */
  readonly isPlain: (event: string | undefined, json: string) => boolean;
  /** Whether such a message says something, in place of only beginning the answer. */
  readonly says: (json: string) => boolean;
  /** Whether a message is sent on, once it was read. */
  readonly isWanted: (verbatim: Verbatim, data: unknown) => boolean;
  /** Returns what gives messages another id and model. It returns undefined for what can't be JSON of an object. */
  readonly renamer: (id: string, model: string) => Rename;
  /** A message as the client gets it. */
  readonly frame: (event: string | undefined, json: string) => string;
};

type Rename = (json: string) => string | undefined;

/** By the API that a kind of server speaks. Absent where requests are always written anew. */
export const PASSING: Readonly<Partial<Record<Kind["api"], Passing>>> = {
  openai: {
    paths: { chat: "/chat/completions", completions: "/completions", embeddings: "/embeddings" },
    changes({ stream, body }, { session, kind }) {
      const { stream_options: options } = body;
      return {
        ...(stream && {
          stream_options: JSON.stringify({ ...(isJsonObject(options) && options), include_usage: true }),
        }),
        // A key of its own for each tenant.
        ...(kind.words.hasCacheKey && session !== undefined && { prompt_cache_key: JSON.stringify(session) }),
      };
    },
    lengthField({ protocol, body }, { kind }) {
      if (protocol === "completions") return "max_tokens";
      return ["max_completion_tokens", "max_tokens"].find((name) => body[name] != null) ?? kind.words.maxTokens;
    },
    needs: ({ messages, ...body }) => [
      ...needed("tools", [body.tools, body.functions].some(isFilled) && body.tool_choice !== "none"),
      ...needed("schemas", isJsonObject(body.response_format) && body.response_format.type !== "text"),
      ...needed("logprobs", (body.logprobs ?? false) !== false),
      ...needed("images", hasPart(messages, "image_url")),
    ],
    isPlain: (_, json) => !tells(json, '"usage"') && !tells(json, '"finish_reason"') && !tells(json, '"error"'),
    says: (json) => /"(?:content|text|reasoning|reasoning_content|refusal|arguments|name|input)": ?"[^"]/.test(json),
    isWanted: ({ includeUsage }, data) =>
      includeUsage || !(isJsonObject(data) && Array.isArray(data.choices) && data.choices.length === 0),
    renamer: (id, model) => renamer({ id: JSON.stringify(id), model: JSON.stringify(model) }),
    frame: (_, json) => `data: ${json}\n\n`,
  },
  anthropic: {
    paths: { messages: "/messages" },
    changes: () => ({}),
    lengthField: () => "max_tokens",
    needs: ({ messages, tools, output_config: output, output_format: format }) => [
      ...needed("tools", isFilled(tools)),
      ...needed("schemas", format != null || (isJsonObject(output) && output.format != null)),
      ...needed("images", hasPart(messages, "image")),
    ],
    isPlain: (event, json) => event !== undefined && PLAIN_EVENTS.has(event) && json.includes(`"${event}"`),
    says: (json) => json.includes('_delta"'),
    isWanted: () => true,
    renamer(id, model) {
      const names = { id: JSON.stringify(id), model: JSON.stringify(model) };
      return (json) => {
        const members = membersOf(json);
        if (members === undefined || !json.includes('"model"')) return members && json;
        // Of a stream, the first message has it.
        const { start, end } = members.find(({ name }) => name === "message") ?? { start: 0, end: json.length };
        const renamed = renamer(names)(json.slice(start, end));
        return renamed && json.slice(0, start) + renamed + json.slice(end);
      };
    },
    frame: (event, json) => (event === undefined ? `data: ${json}\n\n` : `event: ${event}\ndata: ${json}\n\n`),
  },
};

const PLAIN_EVENTS: ReadonlySet<string> = new Set([
  ...["content_block_start", "content_block_delta", "content_block_stop", "ping"],
]);

function needed(need: Need, isNeeded: boolean): readonly Need[] {
  return isNeeded ? [need] : [];
}

function isFilled(list: unknown): boolean {
  return Array.isArray(list) && list.length > 0;
}

/** Whether a message, or a tool's result in one, has a part of this type. */
function hasPart(messages: unknown, type: string): boolean {
  if (!Array.isArray(messages)) return false;
  return messages.some((part) => isJsonObject(part) && (part.type === type || hasPart(part.content, type)));
}

/**
 * Whether a JSON text has a member of this name, in quotes, whose value is not null. Within a string a quote is escaped, so that no name in quotes
 * is found there.
 */
function tells(json: string, name: string): boolean {
  for (let at = json.indexOf(name); at >= 0; at = json.indexOf(name, at + 1)) {
    const rest = /^\s*:\s*(null\b)?/.exec(json.slice(at + name.length, at + name.length + MAX_SPACE));
    if (rest !== null && rest[1] === undefined) return true;
  }
  return false;
}

/** So much may stand between a name and its value. */
const MAX_SPACE = 16;

/** A longer beginning is not remembered. */
const MAX_HEAD = 512;

/**
 * Replaces members at the top of a JSON text. Most servers begin all messages of a stream in the same way, with what is replaced: that beginning
 * is remembered, so that the next messages need not be looked through.
 */
function renamer(changes: Readonly<Record<string, string>>): Rename {
  let head = "";
  let newHead = "";
  return (json) => {
    if (head !== "" && json.startsWith(head)) return newHead + json.slice(head.length);
    const members = membersOf(json);
    if (members === undefined) return undefined;
    let result = "";
    let last = 0;
    for (const { name, start, end } of members) {
      if (!Object.hasOwn(changes, name)) continue;
      result += json.slice(last, start) + changes[name];
      last = end;
    }
    if (last > 0 && last <= MAX_HEAD) {
      head = json.slice(0, last);
      newHead = result;
    }
    return result + json.slice(last);
  };
}
