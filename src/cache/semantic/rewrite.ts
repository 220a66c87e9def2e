import type { Token } from "./tokens.ts";
import {
  ABOUT_WORDS,
  ASKING,
  ATTRIBUTES,
  AUXILIARIES,
  GREETINGS,
  INCOMPLETE,
  MAKERS,
  MEASURES,
  NO_SUPERLATIVES,
  PRONOUNS,
  QUESTION_WORDS,
  SAME_IN_PLURAL,
  STATES,
  SYNONYMS,
  SYNONYMS_OF_VERBS,
  THANKS,
} from "./words.ts";

/** Rewrites a text without changing what it asks for. */
type Rewrite = (tokens: readonly Token[]) => readonly Token[];

/**
 * Rewrites an English text to a normal form. Each rule keeps the meaning, whatever the rest of the text is. In doubt there is no rule, and two texts
 * with the same meaning stay different.
 */
export function inPlainWords(tokens: readonly Token[]): readonly Token[] {
  const isAboutWords = tokens.some(({ type, text }) => type === "word" && ABOUT_WORDS.has(text));
  const polite: readonly Rewrite[] = isAboutWords ? [] : [withoutGreeting, withoutThanks, withoutPlease];
  const plain = [...polite, withoutEnd].reduce(apply, tokens).map(plainWord);
  // The remaining rules apply only to a single sentence.
  if (plain.some(({ type }) => type === "mark")) return plain;
  return [withoutFrame, invertNegation, asHowTo, asWhatIs, asAttribute, asMaker].reduce(apply, plain);
}

function apply(tokens: readonly Token[], rewrite: Rewrite): readonly Token[] {
  return rewrite(tokens);
}

const word = (text: string): Token => ({ type: "word", text });

function plainWord(token: Token, at: number, tokens: readonly Token[]): Token {
  // Inside a sentence a capital makes it a name: Jane Grey, Six Flags.
  if (token.type !== "word" || (token.hasCapital === true && at > 0)) return token;
  const isDone = hasAt(tokens, at - 1, DOERS);
  const synonym = SYNONYMS.get(token.text) ?? (isDone ? SYNONYMS_OF_VERBS.get(token.text) : undefined);
  if (synonym === undefined) return token;
  return /^\d/.test(synonym) ? { type: "exact", text: synonym } : word(synonym);
}

const DOERS: ReadonlySet<string> = new Set([...PRONOUNS, "to"]);

/** Whether these words are at a place. A set means any one of its words. */
function hasAt(tokens: readonly Token[], at: number, ...expected: readonly (string | ReadonlySet<string>)[]): boolean {
  return expected.every((one, index) => {
    const token = tokens[at + index];
    if (token?.type !== "word") return false;
    return typeof one === "string" ? token.text === one : one.has(token.text);
  });
}

function isMark(token: Token | undefined): boolean {
  return token?.type === "mark";
}

/** Whether a mark separates polite words from the question. After a comma a capital may make them part of a title: "Hello, Goodbye". */
function isPause(tokens: readonly Token[], at: number): boolean {
  if (!isMark(tokens[at])) return false;
  const next = tokens[at + 1];
  return tokens[at]?.text !== "," || (next?.type === "word" && next.hasCapital !== true);
}

/** Drops a greeting that is followed by a mark: "Hello! How …". */
function withoutGreeting(tokens: readonly Token[]): readonly Token[] {
  const greeting = GREETINGS.find((words) => hasAt(tokens, 0, ...words) && isPause(tokens, words.length));
  // "Hello, world" is not a greeting to the reader.
  if (greeting === undefined || hasAt(tokens, greeting.length + 1, "world")) return tokens;
  const rest = tokens.slice(greeting.length + 1);
  return rest.length === 0 ? tokens : rest;
}

/** Drops thanks at the end, after a mark: "… Docker? Thank you.". */
function withoutThanks(tokens: readonly Token[]): readonly Token[] {
  const end = tokens.length - (isMark(tokens.at(-1)) ? 1 : 0);
  const thanks = THANKS.find((words) => {
    const begin = end - words.length;
    return begin > 1 && hasAt(tokens, begin, ...words) && /^[.,!?]+$/.test(tokens[begin - 1]?.text ?? "");
  });
  return thanks === undefined ? tokens : tokens.slice(0, end - thanks.length);
}

const PLEASE: ReadonlySet<string> = new Set(["please", "kindly"]);

/** Drops "please" at the beginning, in "could you please", and at the end if the sentence is complete without it. */
function withoutPlease(tokens: readonly Token[]): readonly Token[] {
  if (hasAt(tokens, 0, PLEASE) && tokens.length > 2) {
    if (isPause(tokens, 1)) return tokens.slice(2);
    return tokens[1]?.type === "word" && tokens[1].hasCapital !== true ? tokens.slice(1) : tokens;
  }
  if (hasAt(tokens, 0, ASKERS, "you", PLEASE)) return tokens.toSpliced(2, 1);
  const last = tokens.length - (isMark(tokens.at(-1)) ? 2 : 1);
  if (last < 2 || !hasAt(tokens, last, "please") || hasAt(tokens, last - 1, INCOMPLETE)) return tokens;
  return tokens[last - 1]?.text === "," ? tokens.toSpliced(last - 1, 2) : tokens.toSpliced(last, 1);
}

/** Drops a final full stop, and a final question mark if the words alone make the text one question. */
function withoutEnd(tokens: readonly Token[]): readonly Token[] {
  const last = tokens.at(-1);
  if (last?.type !== "mark") return tokens;
  const rest = tokens.slice(0, -1);
  if (last.text === "." || last.text === ",") return rest;
  if (!/^[?!]*\?[?!]*$/.test(last.text)) return tokens;
  const isQuestion = hasAt(rest, 0, QUESTION_WORDS) || hasAt(rest, 0, ASKING) || hasAt(rest, 0, AUXILIARIES, SUBJECTS);
  return isQuestion && !rest.some(({ type, text }) => type === "mark" && text !== ",")
    ? rest
    : [...rest, { type: "mark", text: "?" }];
}

/** What may follow an auxiliary. "not" does in "don't I". */
const SUBJECTS: ReadonlySet<string> = new Set([...PRONOUNS, "not"]);

const ASKERS: ReadonlySet<string> = new Set(["can", "could"]);
const COPULAS: ReadonlySet<string> = new Set(["is", "are", "was", "were"]);

/** Reduces "could you tell me what a mortgage is" and "tell me the symptoms of" to the question itself. */
function withoutFrame(tokens: readonly Token[]): readonly Token[] {
  const isAsking = hasAt(tokens, 0, ASKERS, "you", EXPLAIN) || hasAt(tokens, 0, ASKERS, "you", TELL, "me");
  const asked = isAsking ? tokens.slice(2) : tokens;
  if (hasAt(asked, 0, "tell", "me", "the") && asked.some(({ text }) => text === "of")) {
    return [word("what"), word("is"), ...asked.slice(2)];
  }
  const frame = FRAMES.find((words) => hasAt(asked, 0, ...words, QUESTION_WORDS));
  return frame === undefined ? asked : invertCopula(asked.slice(frame.length));
}

const EXPLAIN: ReadonlySet<string> = new Set(["explain", "describe"]);
const TELL: ReadonlySet<string> = new Set(["tell", "show", "give"]);
const FRAMES: readonly (readonly string[])[] = [["tell", "me"], ["show", "me"], ["explain"], ["explain", "to", "me"]];

/** "What a mortgage is" becomes "what is a mortgage". */
function invertCopula(clause: readonly Token[]): readonly Token[] {
  const last = clause.at(-1);
  const [first, second] = clause;
  if (first === undefined || last === undefined || clause.length < 3) return clause;
  const inverts = hasAt(clause, clause.length - 1, COPULAS) && !(second?.type === "word" && COPULAS.has(second.text));
  return inverts && first.text !== "how" ? [first, last, ...clause.slice(1, -1)] : clause;
}

/** "Do not I" becomes "do I not". */
function invertNegation(tokens: readonly Token[]): readonly Token[] {
  const at = tokens.findIndex((_, index) => hasAt(tokens, index, AUXILIARIES, "not", PRONOUNS));
  const [auxiliary, not, pronoun] = tokens.slice(at, at + 3);
  if (at < 0 || auxiliary === undefined || not === undefined || pronoun === undefined) return tokens;
  return tokens.toSpliced(at, 3, auxiliary, pronoun, not);
}

/** "How do I" and "how can I" become "how to". */
function asHowTo(tokens: readonly Token[]): readonly Token[] {
  const asks = hasAt(tokens, 0, "how", "do", "i") || hasAt(tokens, 0, "how", "can", "i");
  const verb = tokens[3];
  if (!asks || verb?.type !== "word" || (STATES.has(verb.text) && !hasAt(tokens, 3, "get", ARTICLES))) return tokens;
  return [word("how"), word("to"), ...tokens.slice(3)];
}

const ARTICLES: ReadonlySet<string> = new Set(["a", "an", "the", "my"]);

/** "Which is the largest" and "what are the symptoms of it" become "what is the …". */
function asWhatIs(tokens: readonly Token[]): readonly Token[] {
  const [first, , , third] = tokens;
  const isSuperlative = third?.type === "word" && /^[a-z]{2,}est$/.test(third.text) && !NO_SUPERLATIVES.has(third.text);
  if (first?.text === "which" && hasAt(tokens, 1, COPULAS, "the") && isSuperlative) {
    return asWhatIs([word("what"), ...tokens.slice(1)]);
  }
  const noun = tokens[tokens.findIndex(({ text }) => text === "of") - 1];
  const isPlural = noun?.type === "word" && /[^s]s$/.test(noun.text) && !SAME_IN_PLURAL.has(noun.text);
  const asksForAll = isPlural && hasAt(tokens, 0, "what", "are", "the");
  return asksForAll ? [word("what"), word("is"), ...tokens.slice(2)] : tokens;
}

/** "How tall is Big Ben" and "what is Big Ben's height" become "what is the height of Big Ben". */
function asAttribute(tokens: readonly Token[]): readonly Token[] {
  const measure = hasAt(tokens, 0, "how") ? MEASURES.get(tokens[1]?.text ?? "") : undefined;
  if (measure !== undefined && hasAt(tokens, 2, "is") && tokens.length > 3)
    return attributeOf(measure, tokens.slice(3));
  const last = tokens.at(-1);
  const isOwned = hasAt(tokens, tokens.length - 2, "'s", ATTRIBUTES) && hasAt(tokens, 0, WHAT_OR_WHO, "is");
  return isOwned && last !== undefined && tokens.length > 4 ? attributeOf(last.text, tokens.slice(2, -2)) : tokens;
}

const WHAT_OR_WHO: ReadonlySet<string> = new Set(["what", "who"]);

/** Builds "what is the capital of France", or "who is the mayor of London". */
function attributeOf(attribute: string, owner: readonly Token[]): readonly Token[] {
  const asks = OFFICES.has(attribute) ? "who" : "what";
  return [...`${asks} is the ${attribute} of`.split(" ").map(word), ...owner];
}

const OFFICES: ReadonlySet<string> = new Set(["president", "mayor", "king", "queen"]);

/** "Who wrote it" becomes "who is the author of it". */
function asMaker(tokens: readonly Token[]): readonly Token[] {
  const maker = hasAt(tokens, 0, "who") ? MAKERS.get(tokens[1]?.text ?? "") : undefined;
  if (maker === undefined || tokens.length < 3) return tokens;
  return [..."who is the".split(" ").map(word), word(maker), word("of"), ...tokens.slice(2)];
}
