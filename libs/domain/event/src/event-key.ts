import { createHash } from 'node:crypto';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text is a UUID in its usual form, in either case of letters. */
export function isUuid(text: string): boolean {
  return uuid.test(text);
}

/**
 * The 128 bits by which an event's id is kept and sought: the id itself where it is a UUID in its usual text form,
 * else the first 128 bits of the SHA-256 of its UTF-8 bytes. Given as UUID text in lower case, as Postgres prints it.
 */
export function eventKeyOf(eventId: string): string {
  if (isUuid(eventId)) return eventId.toLowerCase();
  const hex = createHash('sha256').update(eventId).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
