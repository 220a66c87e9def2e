/**
 * The fields, of all protocols' requests, whose numbers are passed on and not computed with: what a model is shown or an answer is held
 * to. There they stay as they were written, 123456789012345678 and 1.0 too. A test holds the list to the API's description.
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
  // Others' names for a schema or a format.
  "guided_json",
  "structured_outputs",
  "json_schema",
  "format",
]);

/** Whether the numbers of a field are passed on. */
export function isPassedOn(field: string): boolean {
  return PASSED_ON.has(field);
}
