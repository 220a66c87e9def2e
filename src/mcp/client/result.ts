import type { CallToolResult, ContentBlock } from "@modelcontextprotocol/client";

/** What a model is told of a result, at most: some thousand tokens. */
const MAX_RESULT_LENGTH = 32_768;

/** What a call has come to, as text for the model. */
export type CallOutcome = { readonly text: string; readonly isError: boolean };

/** A result as text. What is no text is named, and what is too long is cut. */
export function readResult({ content, structuredContent, isError = false }: CallToolResult): CallOutcome {
  const texts = content.map(describeBlock);
  const whole =
    texts.length === 0 && structuredContent !== undefined ? JSON.stringify(structuredContent) : texts.join("\n");
  return { text: bound(whole === "" ? "(The tool has returned nothing.)" : whole), isError };
}

function describeBlock(block: ContentBlock): string {
  switch (block.type) {
    case "text":
      return block.text;
    case "image":
    case "audio":
      return `(${block.type} of type ${block.mimeType}, which is not shown)`;
    case "resource_link":
      return `(resource ${block.uri})`;
    case "resource":
      return "text" in block.resource ? block.resource.text : `(resource ${block.resource.uri}, which is no text)`;
  }
}

export function bound(text: string): string {
  if (text.length <= MAX_RESULT_LENGTH) return text;
  return `${text.slice(0, MAX_RESULT_LENGTH).toWellFormed()}\n(Cut off: ${text.length - MAX_RESULT_LENGTH} more characters.)`;
}
