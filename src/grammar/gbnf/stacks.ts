import type { GbnfNode, GbnfRules } from "./node.ts";

type Chars = Extract<GbnfNode, { type: "chars" }>;

/**
 * The rest of a grammar, innermost first, as in llama.cpp: one stack for each way to read the text so far. `top` of a settled stack accepts
 * the next character.
 */
type Stack = {
  readonly id: number;
  readonly top: GbnfNode;
  /** The repetitions begun, or the items of a sequence that are done. */
  readonly count: number;
  readonly below: Stack | undefined;
  readonly depth: number;
};

/** The empty stack: the text may end. */
const END: Stack = { id: 0, top: { type: "sequence", items: [] }, count: 0, below: undefined, depth: 0 };

/** llama.cpp's next stacks, and the cost to find them. */
export type Settled = { readonly stacks: readonly (Stack & { readonly top: Chars })[]; readonly cost: number };

/** Follows a grammar as llama.cpp does. */
export type StackMachine = {
  /** Returns the stacks at the beginning of a rule. */
  readonly begin: (rule: string) => Settled;
  /** Returns the stacks after the top of a settled one. */
  readonly after: (stack: Stack) => Settled;
};

/** @param spend is called for each visited stack */
export function createStackMachine(rules: GbnfRules, spend: (steps: number) => void): StackMachine {
  const known = new Map<string, Stack>();
  const settled = new Map<number, Settled>();
  const ids = new Map<GbnfNode, number>();

  function push(top: GbnfNode, count: number, below: Stack): Stack {
    const node = ids.get(top) ?? ids.size;
    ids.set(top, node);
    const key = `${node}:${count}:${below.id}`;
    const stack = known.get(key) ?? { id: known.size + 1, top, count, below, depth: below.depth + 1 };
    known.set(key, stack);
    return stack;
  }

  function expand({ top, count, below = END }: Stack): readonly Stack[] {
    switch (top.type) {
      case "chars":
        return [];
      case "reference": {
        const rule = rules.get(top.name);
        return rule === undefined ? [] : [push(rule, 0, below)];
      }
      case "choice":
        return top.items.map((item) => push(item, 0, below));
      case "sequence": {
        const item = top.items[count];
        const rest = count + 1 < top.items.length ? push(top, count + 1, below) : below;
        return [item === undefined ? below : push(item, 0, rest)];
      }
      case "repeat": {
        // llama.cpp expands the minimum number of items, and makes a recursive rule of the others.
        const next = top.max === Number.POSITIVE_INFINITY ? Math.min(count, top.min) + 1 : count + 1;
        const again = count < top.max ? [push(top.item, 0, next < top.max ? push(top, next, below) : below)] : [];
        return count >= top.min ? [...again, below] : again;
      }
    }
  }

  function settle(from: Stack): Settled {
    const found = settled.get(from.id);
    if (found !== undefined) {
      return found;
    }
    const seen = new Set([from]);
    const stacks: Settled["stacks"][number][] = [];
    let cost = 0;
    for (const stack of seen) {
      spend(1);
      cost += 1 + stack.depth / 8;
      if (isChars(stack)) {
        stacks.push(stack);
      }
      for (const next of expand(stack)) {
        if (next !== END) {
          seen.add(next);
        }
      }
    }
    const result = { stacks, cost };
    settled.set(from.id, result);
    return result;
  }

  return {
    begin: (rule) => settle(push({ type: "reference", name: rule }, 0, END)),
    after: ({ below = END }) => (below === END ? { stacks: [], cost: 1 } : settle(below)),
  };
}

function isChars(stack: Stack): stack is Settled["stacks"][number] {
  return stack.top.type === "chars";
}

/** Whether `chars` accepts the character. */
export function takes({ ranges, isInverted }: Chars, code: number): boolean {
  return ranges.some(([first, last]) => first <= code && code <= last) !== isInverted;
}
