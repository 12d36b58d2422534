/** The value of each hexadecimal digit, by its character code; 255 for any other character. */
const DIGITS = new Uint8Array(128).fill(255);
for (const [value, digit] of [...'0123456789abcdef'].entries()) {
  DIGITS[digit.charCodeAt(0)] = value;
  DIGITS[digit.toUpperCase().charCodeAt(0)] = value;
}
const HYPHEN = 45;

/**
 * Writes the 16 bytes of a UUID given as text, with or without hyphens, and returns where they end. Throws TypeError
 * for any other text. Several times faster than taking the hyphens out and writing the rest as 'hex'.
 */
export function writeUuid(buffer: Uint8Array, offset: number, uuid: string): number {
  let end = offset;
  let high = -1;
  for (let index = 0; index < uuid.length; index += 1) {
    const code = uuid.charCodeAt(index);
    if (code === HYPHEN) continue;
    const digit = DIGITS[code] ?? 255;
    if (digit === 255 || end === offset + 16) throw notUuid(uuid);
    if (high < 0) high = digit;
    else {
      buffer[end] = (high << 4) | digit;
      end += 1;
      high = -1;
    }
  }
  if (end !== offset + 16 || high >= 0) throw notUuid(uuid);
  return end;
}

function notUuid(text: string): TypeError {
  return new TypeError(`Not a UUID: ${JSON.stringify(text)}`);
}
