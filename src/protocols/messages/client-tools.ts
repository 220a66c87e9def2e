import type { Tool } from "../../generation/request.ts";

type Known = Required<Pick<Tool, "description" | "parameters">>;

const text = (description: string) => ({ type: "string", description });
const line = (description: string) => ({ type: "integer", description });
const path = text("Absolute path of the file or directory.");
const viewRange = {
  type: "array",
  items: { type: "integer" },
  description: "For `view` of a file: the first and the last line, such as [11, 20]; -1 is the end.",
};
const editing = {
  path,
  file_text: text("For `create`: the file's text."),
  old_str: text("For `str_replace`: the text to replace, which must be in the file exactly once."),
  new_str: text("For `str_replace`: the text to put in its place."),
  insert_line: line("For `insert`: the line after which the text goes; 0 is the beginning."),
  insert_text: text("For `insert`: the text."),
  view_range: viewRange,
};

const object = (properties: Readonly<Record<string, unknown>>, required: readonly string[]) => ({
  type: "object",
  properties,
  required,
});
const command = (...commands: readonly string[]) => ({ type: "string", enum: commands });

/**
 * Tools whose schemas Anthropic's models know and which the client runs itself, by the beginning of their type. The schemas are those that
 * Anthropic publishes, in words of our own (https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview).
 */
const KNOWN: readonly (readonly [prefix: string, Known])[] = [
  [
    "bash_",
    {
      description: "Runs a command in a bash session that is kept from call to call, and gives its output.",
      parameters: object(
        { command: text("The command to run."), restart: { type: "boolean", description: "Starts the session anew." } },
        [],
      ),
    },
  ],
  [
    "text_editor_",
    {
      description: "Views, creates and edits text files.",
      parameters: object({ command: command("view", "create", "str_replace", "insert"), ...editing }, [
        "command",
        "path",
      ]),
    },
  ],
  [
    "memory_",
    {
      description:
        "Views, creates, edits, renames and deletes files under /memories, which are kept from task to task.",
      parameters: object(
        {
          command: command("view", "create", "str_replace", "insert", "delete", "rename"),
          ...editing,
          old_path: text("For `rename`: the path now."),
          new_path: text("For `rename`: the new path."),
        },
        ["command"],
      ),
    },
  ],
];

/** What a tool of this type is, where the client runs it and the model can make use of it; undefined for all others. */
export function clientTool(type: string): Known | undefined {
  return KNOWN.find(([prefix]) => type.startsWith(prefix))?.[1];
}
