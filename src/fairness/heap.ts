/** A handle to move or remove a value in a heap. */
export type HeapNode<T> = {
  readonly value: T;
  readonly key: number;
  /** Decides between equal keys. */
  readonly order: number;
};

/** A binary heap: smallest key first, smallest order among equals. Every operation takes O(log n), reading the first O(1). */
export type Heap<T> = {
  readonly size: number;
  readonly first: HeapNode<T> | undefined;
  push(value: T, key: number, order: number): HeapNode<T>;
  /** Changes a node's key. Does nothing if it was removed. */
  update(node: HeapNode<T>, key: number, order: number): void;
  /** Does nothing if it was removed before. */
  remove(node: HeapNode<T>): void;
};

const REMOVED = -1;

type Node<T> = { value: T; key: number; order: number; index: number };

export function createHeap<T>(): Heap<T> {
  const nodes: Node<T>[] = [];

  function place(node: Node<T>, index: number): void {
    nodes[index] = node;
    node.index = index;
  }

  function rise(node: Node<T>): void {
    let { index } = node;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = nodes[above];
      if (parent === undefined || !isBefore(node, parent)) break;
      place(parent, index);
      index = above;
    }
    place(node, index);
  }

  function sink(node: Node<T>): void {
    let { index } = node;
    for (;;) {
      const left = nodes[2 * index + 1];
      const right = nodes[2 * index + 2];
      const child = right !== undefined && left !== undefined && isBefore(right, left) ? right : left;
      if (child === undefined || !isBefore(child, node)) break;
      const below = child.index;
      place(child, index);
      index = below;
    }
    place(node, index);
  }

  /** The heap's record for a handle; undefined if it was removed or belongs to another heap. */
  function own(handle: HeapNode<T>): Node<T> | undefined {
    const node = handle as Node<T>;
    return nodes[node.index] === node ? node : undefined;
  }

  return {
    get size() {
      return nodes.length;
    },
    get first() {
      return nodes[0];
    },
    push(value, key, order) {
      const node = { value, key, order, index: nodes.length };
      nodes.push(node);
      rise(node);
      return node;
    },
    update(handle, key, order) {
      const node = own(handle);
      if (node === undefined) return;
      node.key = key;
      node.order = order;
      rise(node);
      sink(node);
    },
    remove(handle) {
      const node = own(handle);
      const last = nodes.at(-1);
      if (node === undefined || last === undefined) return;
      nodes.pop();
      if (last !== node) {
        place(last, node.index);
        rise(last);
        sink(last);
      }
      node.index = REMOVED;
    },
  };
}

function isBefore(a: { key: number; order: number }, b: { key: number; order: number }): boolean {
  return a.key < b.key || (a.key === b.key && a.order < b.order);
}
