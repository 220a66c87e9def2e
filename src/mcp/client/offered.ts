import type { Tool } from "@modelcontextprotocol/client";

/** As long as the gateway takes names of tools everywhere: OpenAI's limit. */
const MAX_NAME_LENGTH = 64;
const MAX_DESCRIPTION_LENGTH = 1_024;
/** A schema that is larger or deeper takes more of a small model's context than its tool is worth. */
const MAX_SCHEMA_LENGTH = 16_384;
const MAX_SCHEMA_DEPTH = 32;

/** A tool as a model is offered it. */
export type OfferedTool = {
  /** Letters, digits, `_` and `-`: the server's name, `__`, and the tool's. No two are equal. */
  readonly name: string;
  readonly server: string;
  /** As its server calls it. */
  readonly original: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
};

/** Why a tool isn't offered; undefined if it can be. */
export function findFault({ inputSchema }: Tool): string | undefined {
  if (isDeeperThan(inputSchema, MAX_SCHEMA_DEPTH)) return `its schema is nested more than ${MAX_SCHEMA_DEPTH} times`;
  if (JSON.stringify(inputSchema).length > MAX_SCHEMA_LENGTH)
    return `its schema is longer than ${MAX_SCHEMA_LENGTH} characters`;
  return undefined;
}

/** @param taken the names of other tools */
export function offer(server: string, tool: Tool, taken: ReadonlySet<string>): OfferedTool {
  return {
    name: nameFor(server, tool.name, taken),
    ...{ server, original: tool.name },
    description: (tool.description ?? tool.title ?? "").slice(0, MAX_DESCRIPTION_LENGTH),
    parameters: tool.inputSchema,
  };
}

/** Other characters than letters, digits, `_` and `-` become `_`, so that no name looks like another one, or acts on a terminal. */
function nameFor(server: string, tool: string, taken: ReadonlySet<string>): string {
  const plain = (text: string) => text.replace(/[^A-Za-z0-9_-]/gu, "_");
  const name = `${plain(server).slice(0, MAX_NAME_LENGTH / 2)}__${plain(tool) || "_"}`.slice(0, MAX_NAME_LENGTH);
  if (!taken.has(name)) return name;
  for (let count = 2; ; count += 1) {
    const numbered = `${name.slice(0, MAX_NAME_LENGTH - 6)}_${count}`;
    if (!taken.has(numbered)) return numbered;
  }
}

/** Looks no deeper than that, so no schema is too deep to be looked at. */
function isDeeperThan(value: unknown, most: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return most === 0 || Object.values(value).some((each) => isDeeperThan(each, most - 1));
}
