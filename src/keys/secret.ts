import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** The prefix of every secret, so that secret scanners recognize it. */
const SECRET_PREFIX = "sk-sluice-";

/** 192 bits can't be guessed, so a fast hash is enough for storage. */
const SECRET_BYTES = 24;
const ID_BYTES = 8;

/** Creates a secret. Only its hash is stored. */
export function newSecret(): string {
  return SECRET_PREFIX + randomBytes(SECRET_BYTES).toString("hex");
}

/** Creates a key's public id, which is safe to log. */
export function newKeyId(): string {
  return `key_${randomBytes(ID_BYTES).toString("hex")}`;
}

/** SHA-256, as 64 hexadecimal digits. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Compares two hashes in constant time. */
export function isSameHash(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
