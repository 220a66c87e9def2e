import { MAX_TOOL_NAME_LENGTH, TOOL_NAME } from "../../generation/request.ts";
import { string } from "../fields.ts";

/** The most tools in one request. MCP gateways offer hundreds. */
export const MAX_TOOLS = 1_024;

/** The schema of a tool's name, in all protocols. */
export const toolName = string(MAX_TOOL_NAME_LENGTH)
  .min(1)
  .regex(TOOL_NAME, { error: "letters, digits and any of _ . : / @ -" });

const SEPARATOR = "__";

/** The model's name for a tool in a namespace, joined as MCP clients do. */
export function joinNamespace(namespace: string | undefined, name: string): string {
  if (namespace === undefined) return name;
  return namespace.endsWith(SEPARATOR) ? namespace + name : `${namespace}${SEPARATOR}${name}`;
}
