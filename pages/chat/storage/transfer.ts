import * as z from "zod/mini";
import type { Conversation, Message } from "../conversation/message.ts";
import { growTree } from "../conversation/tree.ts";
import type { Whole } from "./storage.ts";

/** The name of the format, and its version, which a change that old pages can't read raises. */
const FORMAT = "sluice-chat";
const VERSION = 1;

/** Larger files are refused before they are read. */
export const MAX_IMPORT_BYTES = 256 * 2 ** 20;

/** Why a file can't be imported, for the user. */
export class ImportError extends Error {
  override readonly name = "ImportError";
}

const text = z.string();
const number = z.number();
const nullable = z.nullable(text);
const id = text.check(z.minLength(1), z.maxLength(200));

const settings = z.object({
  system: text,
  numbers: z.record(text, number),
  stop: text,
  effort: text,
  schema: text,
  tools: text,
  hasProbabilities: z.boolean(),
  variables: z.record(text, z.record(text, text)),
});

const node = { id, conversation: id, parent: z.nullable(id), createdAtMs: number, content: text };

const message = z.discriminatedUnion("role", [
  z.object({ ...node, role: z.literal("user") }),
  z.object({ ...node, role: z.literal("tool"), call: text }),
  z.object({
    ...node,
    role: z.literal("assistant"),
    model: text,
    reasoning: text,
    calls: z.array(z.object({ id: text, name: text, arguments: text })),
    state: z.enum(["writing", "done", "stopped", "cut", "failed", "edited"]),
    settings,
    finish: nullable,
    problem: z.nullable(z.object({ message: text, code: nullable, status: z.nullable(number) })),
    facts: z.record(text, z.union([text, number, z.boolean()])),
    tokenCount: number,
    tokensFromChar: number,
  }),
]);

const file = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  conversations: z
    .array(
      z.object({
        id,
        title: text,
        createdAtMs: number,
        updatedAtMs: number,
        settings,
        lanes: z.array(z.object({ model: text, head: z.nullable(id) })).check(z.minLength(1), z.maxLength(2)),
        messages: z.array(message).check(z.maxLength(100_000)),
      }),
    )
    .check(z.maxLength(100_000)),
});

/** Writes conversations as a file. Probabilities of tokens stay behind. */
export function writeExport(all: readonly Whole[], exportedAt: Date): string {
  return JSON.stringify(
    {
      format: FORMAT,
      version: VERSION,
      exported_at: exportedAt.toISOString(),
      conversations: all.map(({ conversation, messages }) => ({
        ...conversation,
        messages: messages.map(forFile),
      })),
    },
    undefined,
    2,
  );
}

function forFile(each: Message): object {
  if (each.role !== "assistant") return each;
  const { pickup: _, ...kept } = each;
  return { ...kept, tokenCount: 0, tokensFromChar: 0 };
}

/**
 * Reads an exported file. All ids become new ones, so nothing that is there is overwritten. Throws
 * `ImportError`.
 */
export function readExport(content: string, newId: () => string): readonly Whole[] {
  const { conversations } = parse(content);
  return conversations.map(({ messages, ...conversation }, index) => {
    const where = `conversation ${index + 1} (“${conversation.title.slice(0, 60)}”)`;
    const ids = new Map<string, string>();
    for (const each of messages) {
      if (ids.has(each.id)) throw new ImportError(`In ${where}, two messages have the id “${each.id}”.`);
      ids.set(each.id, newId());
    }
    const own = newId();
    const renamed = (old: string | null) => (old === null ? null : (ids.get(old) ?? "missing"));
    const all = messages.map(
      // The schema has checked what these types say, but for names of facts and numbers, which are shown and sent as they are.
      (each) =>
        ({ ...each, id: renamed(each.id), conversation: own, parent: renamed(each.parent), ...endOf(each) }) as Message,
    );
    if (growTree(all).byId.size !== all.length) {
      throw new ImportError(`In ${where}, the parent of a message is missing, or is below it.`);
    }
    const lanes = conversation.lanes.map(({ model, head }) => {
      if (head !== null && !ids.has(head))
        throw new ImportError(`In ${where}, the shown message “${head}” is missing.`);
      return { model, head: renamed(head) };
    });
    return { conversation: { ...conversation, id: own, lanes } as Conversation, messages: all, tokens: [] };
  });
}

/** Those of the conversations that aren't there yet, with the same title and the same messages. */
export function withoutKnown(read: readonly Whole[], known: readonly Whole[]): readonly Whole[] {
  const marks = new Set(known.map(markOf));
  return read.filter((each) => {
    const mark = markOf(each);
    const isNew = !marks.has(mark);
    marks.add(mark);
    return isNew;
  });
}

/** What is the same of two copies of a conversation, and only of these: all but the ids, which an import makes new. */
function markOf({ conversation: { title, createdAtMs }, messages }: Whole): string {
  const order = messages.toSorted((one, other) => one.createdAtMs - other.createdAtMs);
  const places = new Map(order.map(({ id }, place) => [id, place]));
  return JSON.stringify([
    ...[title, createdAtMs],
    ...order.map(({ role, parent, createdAtMs: atMs, content }) => [
      ...[role, atMs, content],
      parent === null ? null : places.get(parent),
    ]),
  ]);
}

/** An imported answer that was being written will not be written on. */
function endOf(each: z.infer<typeof message>): object {
  if (each.role !== "assistant") return {};
  return { pickup: null, tokenCount: 0, tokensFromChar: 0, state: each.state === "writing" ? "cut" : each.state };
}

function parse(content: string): z.infer<typeof file> {
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (error) {
    throw new ImportError(`The file is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const head = z.object({ format: z.literal(FORMAT), version: z.number() }).safeParse(json);
  if (!head.success) {
    throw new ImportError("The file is JSON, but no export of this page. Choose a file that “Export” has written.");
  }
  if (head.data.version > VERSION) {
    throw new ImportError(
      `The file has version ${head.data.version} of the format, and this page reads version ${VERSION}. Update Sluice.`,
    );
  }
  const read = file.safeParse(json);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  throw new ImportError(
    `The file is damaged at ${(issue?.path ?? []).join(".") || "its top"}: ${issue?.message ?? "it is invalid"}.`,
  );
}
