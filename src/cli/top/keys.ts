/** What a key asks for. */
export type Key = "quit" | "interrupt" | "pause" | "next" | "previous" | "up" | "down" | "page-up" | "page-down";

const CHARACTERS: Readonly<Partial<Record<string, Key>>> = {
  ...{ q: "quit", Q: "quit", "\u0004": "quit", "\u0003": "interrupt", p: "pause", P: "pause", " ": "pause" },
  ...{ "\t": "next", l: "next", h: "previous", k: "up", j: "down" },
};

/** The ends of sequences: arrows, Shift+Tab, and the keys for pages. */
const SEQUENCES: Readonly<Partial<Record<string, Key>>> = {
  ...{ A: "up", B: "down", C: "next", D: "previous", Z: "previous", "5~": "page-up", "6~": "page-down" },
};

const ESCAPE = "\u001b";

/** The keys in what a terminal has sent, of which several may come at once. Others are left out. */
export function readKeys(sent: string): readonly Key[] {
  const [typed = "", ...escaped] = sent.split(ESCAPE);
  const keys = escaped.flatMap((rest) => {
    const [whole = "", sequence = ""] = /^[[O]([0-9;]*[A-Za-z~])/.exec(rest) ?? [];
    return [SEQUENCES[sequence], ...charactersIn(rest.slice(whole.length))];
  });
  return [...charactersIn(typed), ...keys].filter((key) => key !== undefined);
}

function charactersIn(typed: string): readonly (Key | undefined)[] {
  return Array.from(typed, (character) => CHARACTERS[character]);
}
