import { string } from "../fields.ts";

/** Tools of one request. Gateways of MCP servers offer hundreds. */
export const MAX_TOOLS = 1_024;
const MAX_NAME_LENGTH = 128;

/**
 * A tool's name. OpenAI's own pattern has letters, digits, `_` and `-` only; names of MCP tools have dots, slashes and colons too. Each
 * family of models writes these without taking them for the end of the name.
 */
export const toolName = string(MAX_NAME_LENGTH)
  .min(1)
  .regex(/^[\p{L}\p{N}_.:/@-]+$/u);

const SEPARATOR = "__";

/** The name under which the model knows a tool of a namespace, as MCP clients have long joined the two. */
export function joinNamespace(namespace: string | undefined, name: string): string {
  if (namespace === undefined) return name;
  return namespace.endsWith(SEPARATOR) ? namespace + name : `${namespace}${SEPARATOR}${name}`;
}
