import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Database, Prepare } from "./database.ts";

/** Text that clients keep for this server, and that nobody else can read or change. */
export type Seal = {
  /** The text, encrypted, in letters that fit a URL. Sealing the same text again gives others. */
  readonly seal: (text: string) => string;
  /** The text, or undefined where it was sealed by another server, for another tenant, or changed since. */
  readonly unseal: (sealed: string) => string | undefined;
};

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
/** What GCM is made for: NIST SP 800-38D, 5.2.1.1. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Which form it is, so that another one can follow. */
const VERSION = "sluice1.";
const KEY_NAME = "seal";

/** Seals with a key that is made at the first use and kept with the state, so that it lives as long as the state does. */
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
        // `final` throws where the tag doesn't fit: another key, another tenant, or not as it was.
        return undefined;
      }
    },
  };
}

function readOrMakeKey(sql: Prepare): Buffer {
  sql("INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING").run(KEY_NAME, randomBytes(KEY_BYTES));
  const value = sql("SELECT value FROM secrets WHERE name = ?").get(KEY_NAME)?.value;
  if (!(value instanceof Uint8Array)) {
    throw new TypeError("The state holds no key to seal with.");
  }
  return Buffer.from(value);
}
