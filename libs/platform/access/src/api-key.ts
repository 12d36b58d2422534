import { createHash, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** How every API key of a tenant begins, so that scanners find leaked ones. */
export const apiKeyPrefix = 'plk_';

/** A key that was just made. `text` is shown once and never stored. */
export interface NewApiKey {
  /** `plk_<id>_<secret>_<checksum>`. */
  readonly text: string;
  readonly keyId: string;
  /** What is stored: SHA-256 of the secret. */
  readonly secretHash: Buffer;
}

/** The parts of a key as it came. */
export interface ApiKey {
  readonly keyId: string;
  readonly secret: string;
}

// 32 signs without i, l, o and u: no underscore, nothing to misread, selected whole by a double click.
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const idLength = 16;
/** 52 signs of 5 bits: 260 bits of secret, too many to guess, so a plain hash is enough to store. */
const secretLength = 52;
const form = new RegExp(
  `^${apiKeyPrefix}([${alphabet}]{${idLength}})_([${alphabet}]{${secretLength}})_([0-9a-f]{8})$`,
);

/** Makes a key from `random`, which gives that many cryptographically random bytes (`randomBytes` of node:crypto). */
export function generateApiKey(random: (size: number) => Uint8Array): NewApiKey {
  const keyId = spell(random(idLength));
  const secret = spell(random(secretLength));
  const body = `${apiKeyPrefix}${keyId}_${secret}`;
  return { text: `${body}_${checksum(body)}`, keyId, secretHash: hashSecret(secret) };
}

/** Takes a key apart, or says undefined to what can't be one: a mistyped key is refused without any look-up. */
export function parseApiKey(text: string): ApiKey | undefined {
  const [, keyId, secret, sum] = form.exec(text) ?? [];
  if (keyId === undefined || secret === undefined || sum !== checksum(`${apiKeyPrefix}${keyId}_${secret}`)) {
    return undefined;
  }
  return { keyId, secret };
}

/** What is stored of a secret. */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/**
 * Whether a secret is the stored one. Pass undefined for an unknown key: the answer is false after the same work,
 * so that time does not tell which ids exist.
 */
export function verifySecret(secret: string, storedHash: Uint8Array | undefined): boolean {
  const hash = hashSecret(secret);
  const isKnown = storedHash?.length === hash.length;
  return timingSafeEqual(hash, isKnown ? storedHash : Buffer.alloc(hash.length)) && isKnown;
}

function spell(bytes: Uint8Array): string {
  // 256 is a multiple of 32, so the remainder is as random as the byte.
  return Array.from(bytes, (byte) => alphabet[byte % 32]).join('');
}

function checksum(body: string): string {
  return crc32(body).toString(16).padStart(8, '0');
}
