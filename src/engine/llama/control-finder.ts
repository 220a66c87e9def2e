import type { ControlFinder, TextPart } from "../contract/native.ts";

/**
 * @param spellings the spellings of control tokens
 * @param others the spellings of other tokens that the tokenizer recognizes everywhere
 */
export function createControlFinder(spellings: readonly string[], others: readonly string[] = []): ControlFinder {
  // The longer of two spellings with the same beginning must match, or its rest would remain.
  const longestFirst = [...spellings].sort((a, b) => b.length - a.length);
  const whole = new RegExp(longestFirst.map(escapePattern).join("|") || "(?!)", "g");
  const beginnings = new Set<string>();
  const endings = new Set<string>();
  for (const spelling of spellings) {
    for (let length = 1; length < spelling.length; length++) {
      beginnings.add(spelling.slice(0, length));
      endings.add(spelling.slice(length));
    }
  }
  const longestPart = (longestFirst[0]?.length ?? 0) - 1;

  function endingAtStart(text: string): number {
    for (let length = Math.min(longestPart, text.length); length > 0; length--) {
      if (endings.has(text.slice(0, length))) return length;
    }
    return 0;
  }

  function beginningAtEnd(text: string): number {
    for (let length = Math.min(longestPart, text.length); length > 0; length--) {
      if (beginnings.has(text.slice(text.length - length))) return length;
    }
    return 0;
  }

  const standsAlone = findLoners([...spellings, ...others]);

  return {
    cutAfter(text, from) {
      whole.lastIndex = from;
      for (let match = whole.exec(text); match !== null; match = whole.exec(text)) {
        const end = match.index + match[0].length;
        // Some tokens include the space beside them.
        if (standsAlone(match[0]) && !/\s/.test(text.charAt(end))) return end;
      }
      return undefined;
    },
    split(text) {
      const parts: TextPart[] = [];
      const add = (part: string, suspicious: boolean) => {
        if (part !== "") parts.push({ text: part, suspicious });
      };
      const matches = [...text.matchAll(whole)];
      const firstEnd = matches[0]?.index ?? text.length;
      const head = endingAtStart(text.slice(0, firstEnd));
      let at = head;
      add(text.slice(0, head), true);
      for (const { 0: spelling, index } of matches) {
        add(text.slice(at, index), false);
        add(spelling, true);
        at = index + spelling.length;
      }
      const tail = text.slice(at);
      const cut = tail.length - beginningAtEnd(tail);
      add(tail.slice(0, cut), false);
      add(tail.slice(cut), true);
      return parts.some(({ suspicious }) => suspicious) ? parts : undefined;
    },
  };
}

/**
 * Finds the spellings that no other one can overlap, which the tokenizer recognizes everywhere. Of overlapping spellings it doesn't always
 * choose the leftmost.
 */
function findLoners(spellings: readonly string[]): (spelling: string) => boolean {
  const known = new Map<string, boolean>();
  let parts: { readonly beginnings: ReadonlySet<string>; readonly endings: ReadonlySet<string> } | undefined;

  function isLoner(spelling: string): boolean {
    parts ??= {
      beginnings: new Set(spellings.flatMap((each) => Array.from(each, (_, at) => each.slice(0, at + 1)))),
      endings: new Set(spellings.flatMap((each) => Array.from(each, (_, at) => each.slice(at)))),
    };
    for (let at = 1; at < spelling.length; at++) {
      if (parts.beginnings.has(spelling.slice(at)) || parts.endings.has(spelling.slice(0, at))) return false;
    }
    return spellings.every((each) => each === spelling || !(each.includes(spelling) || spelling.includes(each)));
  }

  return (spelling) => {
    const loner = known.get(spelling) ?? isLoner(spelling);
    known.set(spelling, loner);
    return loner;
  };
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
