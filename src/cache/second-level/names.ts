import { hash } from "node:crypto";
import { OWN_TERMS, type Terms } from "../../generation/terms.ts";
import { KEY_VERSION } from "../key.ts";
import type { Label } from "../store.ts";

/** The prefix of all names of answers. Gateways with another key version neither find nor clear them; they expire. */
const ANSWERS = `sluice:answer:${KEY_VERSION}`;
const TURNS = `sluice:turn:${KEY_VERSION}`;

/** The fields of the label, in their order in the name. */
const FIELDS = ["scope", "model", "preset"] as const satisfies readonly (keyof Label)[];

/** The name of an answer. It contains short digests of the label, so that answers can be found to be cleared. */
export function answerName(key: string, label: Label): string {
  return [ANSWERS, ...FIELDS.map((field) => short(label[field] ?? "")), key].join(":");
}

/** A pattern for the names of all answers that match all given fields. */
export function answersLike(which: Partial<Label>): string {
  const parts = FIELDS.map((field) => {
    const value = which[field];
    return value === undefined ? "*" : short(value);
  });
  return [ANSWERS, ...parts, "*"].join(":");
}

/** The name of the lease to generate an answer. It includes the terms of waiting, so that an interactive request doesn't wait for a batch one. */
export function leaseName(key: string, { priority, maxWaitMs }: Terms = OWN_TERMS): string {
  return [TURNS, key, priority, maxWaitMs ?? ""].join(":");
}

function short(text: string): string {
  return hash("sha256", text, "base64url").slice(0, 11);
}
