/** A member of a JSON text's object: its name, and where its value stands. */
export type JsonMember = { readonly name: string; readonly start: number; readonly end: number };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Finds the members of a JSON text that is an object, without making anything of their values. Undefined for anything else. What is wrong within
 * a value is not found.
 */
export function membersOf(text: string): readonly JsonMember[] | undefined {
  let at = skipSpace(text, 0);
  if (text[at] !== "{") return undefined;
  const members: JsonMember[] = [];
  at = skipSpace(text, at + 1);
  if (text[at] === "}") return members;
  for (;;) {
    const nameEnd = text.charCodeAt(at) === QUOTE ? endOfString(text, at) : -1;
    if (nameEnd < 0) return undefined;
    const colon = skipSpace(text, nameEnd);
    if (text[colon] !== ":") return undefined;
    const start = skipSpace(text, colon + 1);
    const end = endOfValue(text, start);
    if (end <= start) return undefined;
    members.push({ name: nameAt(text, at, nameEnd), start, end });
    at = skipSpace(text, end);
    if (text[at] === "}") return members;
    if (text[at] !== ",") return undefined;
    at = skipSpace(text, at + 1);
  }
}

/** The text with other values for members of its object; those that it doesn't have are added. `text` must be an object's JSON. */
export function replaceMembers(text: string, changes: Readonly<Record<string, string>>): string {
  const members = membersOf(text);
  if (members === undefined) throw new Error("The text is not the JSON of an object.");
  let result = "";
  let last = 0;
  for (const { name, start, end } of members) {
    const change = Object.hasOwn(changes, name) ? changes[name] : undefined;
    if (change === undefined) continue;
    result += text.slice(last, start) + change;
    last = end;
  }
  result += text.slice(last);
  const added = Object.entries(changes).filter(([name]) => members.every((member) => member.name !== name));
  if (added.length === 0) return result;
  const close = result.lastIndexOf("}");
  const fields = added.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(",");
  return `${result.slice(0, close)}${members.length > 0 ? "," : ""}${fields}}`;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
    at++;
  }
}

/** After the closing quote; -1 if there is none. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; ) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return -1;
    let before = quote;
    while (text.charCodeAt(before - 1) === BACKSLASH) before--;
    if ((quote - before) % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

/** After the value; `start` or less if there is none. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at) - 1;
      if (at < 0) return -1;
      if (depth === 0) return at + 1;
    } else if (code === 0x7b || code === 0x5b) depth++;
    else if (code === 0x7d || code === 0x5d) {
      // The end of the object around a number or a word.
      if (depth === 0) return endOfWord(text, start, at);
      if (--depth === 0) return at + 1;
    } else if (code === 0x2c && depth === 0) return endOfWord(text, start, at);
  }
  return -1;
}

function endOfWord(text: string, start: number, end: number): number {
  return start + text.slice(start, end).trimEnd().length;
}

function nameAt(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end - 1);
  if (!raw.includes("\\")) return raw;
  try {
    return String(JSON.parse(text.slice(start, end)));
  } catch {
    return raw;
  }
}
