import type { Tool } from "../../generation/request.ts";

type Known = Required<Pick<Tool, "description" | "parameters">>;

const text = (description: string) => ({ type: "string", description });
const line = (description: string) => ({ type: "integer", description });
const path = text("Absolute path of the file or directory.");
const viewRange = {
  type: "array",
  items: { type: "integer" },
  description: "For `view` of a file: the first and the last line, such as [11, 20]; -1 means the end.",
};
const editing = {
  path,
  file_text: text("For `create`: the file's text."),
  old_str: text("For `str_replace`: the text to replace, which must occur in the file exactly once."),
  new_str: text("For `str_replace`: the text to put in its place."),
  insert_line: line("For `insert`: the line to insert the text after; 0 means the beginning."),
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
 * Tools that the client runs and whose schemas Anthropic's models know, by the prefix of their type. The schemas follow Anthropic's
 * documentation, with our own descriptions (https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview).
 */
const KNOWN: readonly (readonly [prefix: string, Known])[] = [
  [
    "bash_",
    {
      description: "Runs a command in a bash session that persists between calls, and returns its output.",
      parameters: object(
        {
          command: text("The command to run."),
          restart: { type: "boolean", description: "Whether to restart the session." },
        },
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
      description: "Views, creates, edits, renames and deletes files under /memories, which persist between tasks.",
      parameters: object(
        {
          command: command("view", "create", "str_replace", "insert", "delete", "rename"),
          ...editing,
          old_path: text("For `rename`: the current path."),
          new_path: text("For `rename`: the new path."),
        },
        ["command"],
      ),
    },
  ],
];

/** The definition of a client tool by its type; undefined for other types. */
export function clientTool(type: string): Known | undefined {
  return KNOWN.find(([prefix]) => type.startsWith(prefix))?.[1];
}
