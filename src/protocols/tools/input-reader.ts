/**
 * Takes the input of a custom tool out of the arguments of the function that stands for it, as they come. Arguments in which no input is
 * found come as they are.
 */
export type InputReader = {
  /** Takes a piece of the arguments' JSON; returns the piece of the input that is known by now. */
  readonly push: (json: string) => string;
};

const BEGINNING = /^\s*\{\s*"input"\s*:\s*"/;
const NOTHING = /^\s*\{\s*\}\s*$/;
/** Whatever begins like this may still become such a beginning. */
const MAY_BEGIN = /^\s*(?:\{\s*(?:"(?:i(?:n(?:p(?:u(?:t(?:"\s*(?::\s*)?)?)?)?)?)?)?)?)?$/;

const ESCAPES: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

export function createInputReader(): InputReader {
  let state: "before" | "inside" | "after" | "raw" = "before";
  let held = "";

  /** Reads the string's text as far as it is decided; what isn't is held. */
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
    // Half of a surrogate pair waits for the other.
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
