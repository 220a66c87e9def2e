import { hash } from "node:crypto";
import { OWN_TERMS, type Terms } from "../../generation/terms.ts";
import { KEY_VERSION } from "../key.ts";
import type { Label } from "../store.ts";

/** The prefix of all names of answers. Another version of the key neither finds nor clears them; they expire. */
const ANSWERS = `sluice:answer:${KEY_VERSION}`;
const TURNS = `sluice:turn:${KEY_VERSION}`;

/** What an answer belongs to, in the order in which its name has it. */
const FIELDS = ["scope", "model", "preset"] as const satisfies readonly (keyof Label)[];

/** The name of an answer, which says in short digests what it belongs to, so that it can be found to be cleared. */
export function answerName(key: string, label: Label): string {
  return [ANSWERS, ...FIELDS.map((field) => short(label[field] ?? "")), key].join(":");
}

/** A pattern for the names of all answers that have all of these. */
export function answersLike(which: Partial<Label>): string {
  const parts = FIELDS.map((field) => {
    const value = which[field];
    return value === undefined ? "*" : short(value);
  });
  return [ANSWERS, ...parts, "*"].join(":");
}

/** The name of the lease to generate an answer. Those who wait on other terms don't wait for each other: batch would hold up interactive. */
export function leaseName(key: string, { priority, maxWaitMs }: Terms = OWN_TERMS): string {
  return [TURNS, key, priority, maxWaitMs ?? ""].join(":");
}

function short(text: string): string {
  return hash("sha256", text, "base64url").slice(0, 11);
}
