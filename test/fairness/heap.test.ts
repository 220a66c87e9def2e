import fc from "fast-check";
import { expect, it } from "vitest";
import { createHeap, type HeapNode } from "../../src/fairness/heap.ts";

it("returns the smallest key first, and the older of equal keys, after any pushes, moves and removals", () => {
  const action = fc.record({ kind: fc.constantFrom("push", "move", "remove"), key: fc.nat(9), which: fc.nat(50) });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
      const heap = createHeap<number>();
      const nodes: HeapNode<number>[] = [];
      actions.forEach(({ kind, key, which }, order) => {
        const node = nodes[which % Math.max(1, nodes.length)];
        if (kind === "push" || node === undefined) {
          nodes.push(heap.push(order, key, order));
        } else if (kind === "move") {
          heap.update(node, key, node.order);
        } else {
          heap.remove(node);
          heap.remove(node);
          nodes.splice(nodes.indexOf(node), 1);
        }
      });
      const expected = nodes.toSorted((a, b) => a.key - b.key || a.order - b.order).map(({ value }) => value);
      const got: number[] = [];
      for (let { first } = heap; first !== undefined; first = heap.first) {
        got.push(first.value);
        heap.remove(first);
      }
      expect(got).toEqual(expected);
      expect(heap.size).toBe(0);
    }),
  );
});
