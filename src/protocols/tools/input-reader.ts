/**
 * Extracts a custom tool's input from the streamed arguments of its function. Arguments without an input are passed on unchanged.
 */
export type InputReader = {
  /** Takes a piece of the arguments' JSON. Returns the next piece of the input. */
  readonly push: (json: string) => string;
};

const BEGINNING = /^\s*\{\s*"input"\s*:\s*"/;
const NOTHING = /^\s*\{\s*\}\s*$/;
/** Matches text that may still become `BEGINNING`. */
const MAY_BEGIN = /^\s*(?:\{\s*(?:"(?:i(?:n(?:p(?:u(?:t(?:"\s*(?::\s*)?)?)?)?)?)?)?)?)?$/;

const ESCAPES: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

export function createInputReader(): InputReader {
  let state: "before" | "inside" | "after" | "raw" = "before";
  let held = "";

  /** Decodes as much of the string as is complete, and holds back the rest. */
  function readText(): string {
    let text = "";
    let at = 0;
    while (at < held.length) {
      const char = held.charAt(at);
      if (char === '"') {
        state = "after";
        at = held.length;
      } else if (char !== "\\") {
        const next = held.slice(at).search(/["\\]/);
        const end = next < 0 ? held.length : at + next;
        text += held.slice(at, end);
        at = end;
      } else {
        const length = held.charAt(at + 1) === "u" ? 6 : 2;
        if (at + length > held.length) break;
        text += decodeEscape(held.slice(at, at + length));
        at += length;
      }
    }
    held = held.slice(at);
    // Holds back the first half of a surrogate pair.
    const last = text.at(-1) ?? "";
    if (state === "inside" && /[\ud800-\udbff]/.test(last)) {
      held = `\\u${last.charCodeAt(0).toString(16)}${held}`;
      return text.slice(0, -1);
    }
    return text;
  }

  return {
    push(json) {
      if (state === "after") return "";
      if (state === "raw") return json;
      held += json;
      if (state === "before") {
        if (NOTHING.test(held)) return "";
        const begun = BEGINNING.exec(held);
        if (begun === null && MAY_BEGIN.test(held)) return "";
        state = begun === null ? "raw" : "inside";
        if (begun === null) return takeHeld();
        held = held.slice(begun[0].length);
      }
      return readText();
    },
  };

  function takeHeld(): string {
    const text = held;
    held = "";
    return text;
  }
}

function decodeEscape(spelling: string): string {
  const letter = spelling.charAt(1);
  if (letter !== "u") return ESCAPES[letter] ?? letter;
  const code = Number.parseInt(spelling.slice(2), 16);
  return Number.isNaN(code) ? "\ufffd" : String.fromCharCode(code);
}
