import { MAX_TOOL_NAME_LENGTH, TOOL_NAME } from "../../generation/request.ts";
import { string } from "../fields.ts";

/** Tools of one request. Gateways of MCP servers offer hundreds. */
export const MAX_TOOLS = 1_024;

/** A tool's name, in any protocol. */
export const toolName = string(MAX_TOOL_NAME_LENGTH).min(1).regex(TOOL_NAME);

const SEPARATOR = "__";

/** The name under which the model knows a tool of a namespace, as MCP clients have long joined the two. */
export function joinNamespace(namespace: string | undefined, name: string): string {
  if (namespace === undefined) return name;
  return namespace.endsWith(SEPARATOR) ? namespace + name : `${namespace}${SEPARATOR}${name}`;
}
