import { z } from "zod";

const MAX_SERVERS = 32;
const MAX_WORD_LENGTH = 4_096;
const MAX_WORDS = 256;

const word = z.string().max(MAX_WORD_LENGTH);
const words = z.record(z.string().min(1).max(256), word);

const stdioServer = z.object({
  type: z.literal("stdio").optional(),
  command: word.min(1),
  args: z.array(word).max(MAX_WORDS).default([]),
  env: words.default({}),
  cwd: word.optional(),
  disabled: z.boolean().default(false),
});

const httpServer = z.object({
  type: z.enum(["http", "streamable-http", "streamableHttp"]).optional(),
  url: word.regex(/^https?:\/\//, "must begin with http:// or https://"),
  headers: words.default({}),
  disabled: z.boolean().default(false),
});

const fileSchema = z.object({
  mcpServers: z
    .record(z.string().min(1).max(64), z.unknown())
    .refine((servers) => Object.keys(servers).length <= MAX_SERVERS, `at most ${MAX_SERVERS} servers are allowed`),
});

/** How a server is reached: a program that is started, or a URL. */
export type ServerSettings =
  | {
      readonly type: "stdio";
      readonly name: string;
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly cwd: string | undefined;
    }
  | {
      readonly type: "http";
      readonly name: string;
      readonly url: string;
      readonly headers: Readonly<Record<string, string>>;
    };

/** Settings that can't be used. The message names the place. */
export class McpSettingsError extends Error {
  override readonly name = "McpSettingsError";
}

/**
 * Reads settings in the form that Claude Desktop, Cursor and others have: `{"mcpServers": {NAME: {command, args, env} | {url, headers}}}`. Servers that
 * are disabled are left out, and so are fields that only other programs know. `${NAME}` in a value stands for a variable of the environment. Throws a
 * McpSettingsError.
 */
export function parseServers(text: string, env: NodeJS.ProcessEnv): readonly ServerSettings[] {
  const { mcpServers } = parse(fileSchema, readJson(text), "");
  return Object.entries(mcpServers).flatMap(([name, value]): ServerSettings[] => {
    const place = `mcpServers.${JSON.stringify(name)}`;
    const fill = (given: string) => fillIn(given, env, place);
    const fillAll = (given: Readonly<Record<string, string>>) =>
      Object.fromEntries(Object.entries(given).map(([key, each]) => [key, fill(each)]));
    if (typeof value === "object" && value !== null && "url" in value) {
      const { url, headers, disabled } = parse(httpServer, value, place);
      return disabled ? [] : [{ type: "http", name, url: fill(url), headers: fillAll(headers) }];
    }
    const { command, args, env: own, cwd, disabled } = parse(stdioServer, value, place);
    if (disabled) return [];
    return [
      { type: "stdio", name, command: fill(command), args: args.map(fill), env: fillAll(own), cwd: cwd && fill(cwd) },
    ];
  });
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new McpSettingsError(`it is not valid JSON: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown, place: string): z.output<Schema> {
  const { data, error } = schema.safeParse(value);
  if (error === undefined) return data;
  const [issue] = error.issues;
  const where = [place, ...(issue?.path.map(String) ?? [])].filter((part) => part !== "").join(".");
  if (where === "") throw new McpSettingsError(`it must be {"mcpServers": {NAME: …}}.`);
  throw new McpSettingsError(`'${where}': ${issue?.message}. A server is {"command": …, "args": […]} or {"url": …}.`);
}

function fillIn(text: string, env: NodeJS.ProcessEnv, place: string): string {
  return text.replace(/\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
    const value = env[name];
    if (value === undefined) throw new McpSettingsError(`${place}: the variable ${name} is not set.`);
    return value;
  });
}
