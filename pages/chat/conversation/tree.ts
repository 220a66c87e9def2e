import type { Message } from "./message.ts";

/** The messages of a conversation, by id, with the children of each in the order in which they were made. */
export type Tree = {
  readonly byId: ReadonlyMap<string, Message>;
  readonly children: ReadonlyMap<string | null, readonly string[]>;
};

/** Makes a tree of messages in any order. A message whose parent is missing is left out, with all below it. */
export function growTree(messages: Iterable<Message>): Tree {
  const sorted = [...messages].sort((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
  const byParent = new Map<string | null, Message[]>();
  for (const message of sorted) {
    const siblings = byParent.get(message.parent);
    if (siblings === undefined) byParent.set(message.parent, [message]);
    else siblings.push(message);
  }
  const byId = new Map<string, Message>();
  const children = new Map<string | null, readonly string[]>();
  // Only what can be reached from the top: a circle can't.
  const open: (string | null)[] = [null];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    const found = byParent.get(parent) ?? [];
    if (found.length > 0)
      children.set(
        parent,
        found.map(({ id }) => id),
      );
    for (const message of found) {
      byId.set(message.id, message);
      open.push(message.id);
    }
  }
  return { byId, children };
}

/** The messages from the first to `head`. Empty if there is no such message. */
export function pathTo(tree: Tree, head: string | null): readonly Message[] {
  const path: Message[] = [];
  for (let message = find(tree, head); message !== undefined; message = find(tree, message.parent)) path.push(message);
  return path.reverse();
}

/** The branches at a message's place, and which of them it is, counted from 0. */
export function branchesAt(tree: Tree, id: string): { readonly ids: readonly string[]; readonly index: number } {
  const message = find(tree, id);
  const ids = message === undefined ? [] : (tree.children.get(message.parent) ?? []);
  return { ids, index: ids.indexOf(id) };
}

/** The end of the newest branch below a message. */
export function newestBelow(tree: Tree, id: string): string {
  let last = id;
  for (let next = tree.children.get(last)?.at(-1); next !== undefined; next = tree.children.get(last)?.at(-1)) {
    last = next;
  }
  return last;
}

function find(tree: Tree, id: string | null): Message | undefined {
  return id === null ? undefined : tree.byId.get(id);
}
