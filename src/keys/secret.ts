import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** What every secret of ours begins with, so that scanners of source code know it. */
const SECRET_PREFIX = "sk-sluice-";

/** 192 bits: nobody guesses one, so a fast hash is enough to keep it. */
const SECRET_BYTES = 24;
const ID_BYTES = 8;

/** A new secret. Nothing but its hash is kept. */
export function newSecret(): string {
  return SECRET_PREFIX + randomBytes(SECRET_BYTES).toString("hex");
}

/** The public name of a key: safe to log. */
export function newKeyId(): string {
  return `key_${randomBytes(ID_BYTES).toString("hex")}`;
}

/** SHA-256, as 64 hexadecimal digits. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Whether two hashes are the same, in a time that does not tell where they differ. */
export function isSameHash(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
