import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { generateApiKey, hashSecret, parseApiKey, verifySecret } from './api-key.ts';

test('a generated key parses back to its id and to a secret with the stored hash', () => {
  for (let i = 0; i < 100; i++) {
    const { text, keyId, secretHash } = generateApiKey(randomBytes);
    const parsed = parseApiKey(text);
    expect(parsed?.keyId).toBe(keyId);
    expect(hashSecret(parsed?.secret ?? '')).toEqual(secretHash);
    expect(text).toMatch(/^plk_[0-9a-z]{16}_[0-9a-z]{52}_[0-9a-f]{8}$/);
  }
});

test('a key with any one character changed, cut or added is refused by its checksum', () => {
  const { text } = generateApiKey(randomBytes);
  for (let at = 0; at < text.length; at++) {
    const other = text[at] === 'a' ? 'b' : 'a';
    expect(parseApiKey(text.slice(0, at) + other + text.slice(at + 1))).toBeUndefined();
  }
  expect(parseApiKey(text.slice(0, -1))).toBeUndefined();
  expect(parseApiKey(`${text}0`)).toBeUndefined();
  expect(parseApiKey(`${text}\n`)).toBeUndefined();
});

test('only the right secret of a known key is verified', () => {
  const { text, secretHash } = generateApiKey(randomBytes);
  const secret = parseApiKey(text)?.secret ?? '';
  expect(verifySecret(secret, secretHash)).toBe(true);
  expect(verifySecret(`${secret}x`, secretHash)).toBe(false);
  expect(verifySecret(secret, undefined)).toBe(false);
  expect(verifySecret(secret, Buffer.alloc(0))).toBe(false);
});
