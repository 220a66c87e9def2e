/**
 * The fields, in all protocols, whose numbers are passed on to the model or a schema and not computed with. They are kept as written, such
 * as 123456789012345678 and 1.0. A test checks this list against the API description.
 */
const PASSED_ON: ReadonlySet<string> = new Set([
  "messages",
  "input",
  "items",
  "tools",
  "functions",
  "response_format",
  "text",
  "output_config",
  "output_format",
  "chat_template_kwargs",
  // Of a batch of messages, whose requests are stored as they came.
  "requests",
  // Other servers' names for a schema or a format.
  "guided_json",
  "structured_outputs",
  "json_schema",
  "format",
]);

/** Whether the numbers of a field are passed on. */
export function isPassedOn(field: string): boolean {
  return PASSED_ON.has(field);
}
