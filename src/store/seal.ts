import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Database, Prepare } from "./database.ts";

/** Encrypts text that clients keep for this server, so that no one else can read or change it. */
export type Seal = {
  /** Encrypts a text, URL-safe. The same text gives a different result each time. */
  readonly seal: (text: string) => string;
  /** Returns the text; undefined if another server sealed it, or it is for another tenant, or it was changed. */
  readonly unseal: (sealed: string) => string | undefined;
};

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
/** The recommended length for GCM: NIST SP 800-38D, 5.2.1.1. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** The version of the format. */
const VERSION = "sluice1.";
const KEY_NAME = "seal";

/** Seals with a key that is created at the first use and stored in the state file. */
export function createSeal(database: Database, tenant: string): Seal {
  let known: Buffer | undefined;
  const key = () => {
    known ??= database.write(readOrMakeKey);
    return known;
  };
  const boundTo = Buffer.from(VERSION + tenant);

  return {
    seal(text) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key(), nonce, { authTagLength: TAG_BYTES }).setAAD(boundTo);
      const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      return VERSION + Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url");
    },
    unseal(sealed) {
      const bytes = Buffer.from(sealed.slice(VERSION.length), "base64url");
      if (!sealed.startsWith(VERSION) || bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
      const nonce = bytes.subarray(0, NONCE_BYTES);
      const decipher = createDecipheriv(CIPHER, key(), nonce, { authTagLength: TAG_BYTES })
        .setAAD(boundTo)
        .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      const body = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
      try {
        return Buffer.concat([body, decipher.final()]).toString("utf8");
      } catch {
        // `final` throws if the tag doesn't match: another key, another tenant, or a changed text.
        return undefined;
      }
    },
  };
}

function readOrMakeKey(sql: Prepare): Buffer {
  sql("INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING").run(KEY_NAME, randomBytes(KEY_BYTES));
  const value = sql("SELECT value FROM secrets WHERE name = ?").get(KEY_NAME)?.value;
  if (!(value instanceof Uint8Array)) {
    throw new TypeError("The state file contains no sealing key.");
  }
  return Buffer.from(value);
}
