import { eventKinds } from './event-kind.ts';

/** Events by their kind and key, as an `Erasure` names them. */
export type EventKeys = ReadonlyMap<number, readonly string[]>;

const keyBytes = 16;

/** The bytes of an `Erasure`: interactions in 16 bytes each, others in 17, their kind first. Keys are UUID text. */
export function packEventKeys(events: EventKeys): {
  readonly interactionKeys: Uint8Array;
  readonly eventKeys: Uint8Array;
} {
  const interactions: Buffer[] = [];
  const others: Buffer[] = [];
  for (const [kind, keys] of events) {
    for (const key of keys) {
      const bytes = Buffer.from(key.replaceAll('-', ''), 'hex');
      if (kind === eventKinds.interaction) interactions.push(bytes);
      else others.push(Buffer.from([kind]), bytes);
    }
  }
  return { interactionKeys: Buffer.concat(interactions), eventKeys: Buffer.concat(others) };
}

/** The same read back. @throws RangeError for bytes that hold a part of a key. */
export function unpackEventKeys({
  interactionKeys,
  eventKeys,
}: {
  readonly interactionKeys: Uint8Array;
  readonly eventKeys: Uint8Array;
}): EventKeys {
  const events = new Map<number, string[]>();
  const add = (kind: number, key: Uint8Array): void => {
    const keys = events.get(kind);
    if (keys === undefined) events.set(kind, [uuidText(key)]);
    else keys.push(uuidText(key));
  };
  for (const bytes of slices(interactionKeys, keyBytes)) add(eventKinds.interaction, bytes);
  for (const bytes of slices(eventKeys, keyBytes + 1)) add(bytes[0] ?? 0, bytes.subarray(1));
  return events;
}

function* slices(bytes: Uint8Array, length: number): Generator<Uint8Array, void, undefined> {
  if (bytes.length % length !== 0)
    throw new RangeError(`${bytes.length} bytes are no keys of ${length} each.`);
  for (let start = 0; start < bytes.length; start += length) yield bytes.subarray(start, start + length);
}

function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
