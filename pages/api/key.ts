import { signal } from "@preact/signals";

/** The key lives as long as the tab, and is sent to this gateway only. */
const STORED_AS = "sluice-key";

/** The API key that requests are made with; undefined where none was given. */
export const key = signal<string | undefined>(sessionStorage.getItem(STORED_AS) ?? undefined);

/** Why a key is asked for, in the reader's words; undefined while none is. */
export const keyWanted = signal<string | undefined>(undefined);

/** Takes a key for all later requests, or forgets it. */
export function setKey(secret: string | undefined): void {
  if (secret === undefined) sessionStorage.removeItem(STORED_AS);
  else sessionStorage.setItem(STORED_AS, secret);
  keyWanted.value = undefined;
  key.value = secret;
}
