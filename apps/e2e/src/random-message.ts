import {
  create,
  ScalarType,
  type DescEnum,
  type DescField,
  type DescMessage,
  type Message,
} from '@bufbuild/protobuf';
import { reflect, type ReflectMessage, type ScalarValue } from '@bufbuild/protobuf/reflect';
import { integerIn, pick } from './seeded-random.ts';

const deepest = 5;

/** A message of this type whose fields hold anything that the wire can carry, the plausible and the absurd. */
export function randomMessage(desc: DescMessage, random: () => number): Message {
  return fill(reflect(desc, create(desc)), random, 0).message;
}

function fill(message: ReflectMessage, random: () => number, depth: number): ReflectMessage {
  for (const field of message.fields) {
    // Deeper down there is less of everything, so that messages stay small.
    if (random() > 0.8 - depth * 0.1) continue;
    setField(message, field, random, depth);
  }
  return message;
}

function setField(message: ReflectMessage, field: DescField, random: () => number, depth: number): void {
  switch (field.fieldKind) {
    case 'scalar':
      message.set(field, randomScalar(field.scalar, random));
      break;
    case 'enum':
      message.set(field, randomEnum(field.enum, random));
      break;
    case 'message':
      if (depth < deepest) message.set(field, fill(reflect(field.message), random, depth + 1));
      break;
    case 'list': {
      const list = message.get(field);
      for (let left = integerIn(random, 0, 3); left > 0; left -= 1) {
        if (field.listKind === 'scalar') list.add(randomScalar(field.scalar, random));
        else if (field.listKind === 'enum') list.add(randomEnum(field.enum, random));
        else if (depth < deepest) list.add(fill(reflect(field.message), random, depth + 1));
      }
      break;
    }
    case 'map': {
      const map = message.get(field);
      for (let left = integerIn(random, 0, 3); left > 0; left -= 1) {
        const key = field.mapKey === ScalarType.STRING ? randomText(random) : integerIn(random, 0, 9);
        if (field.mapKind === 'scalar') map.set(key, randomScalar(field.scalar, random));
        else if (field.mapKind === 'enum') map.set(key, randomEnum(field.enum, random));
        else if (depth < deepest) map.set(key, fill(reflect(field.message), random, depth + 1));
      }
      break;
    }
  }
}

function randomEnum({ values }: DescEnum, random: () => number): number {
  return random() < 0.8 ? (pick(random, values)?.number ?? 0) : pick(random, [99, -1, 2 ** 31 - 1]);
}

function randomScalar(type: ScalarType, random: () => number): ScalarValue {
  switch (type) {
    case ScalarType.STRING:
      return randomText(random);
    case ScalarType.BYTES:
      return Uint8Array.from({ length: pick(random, [0, 1, 16, 200]) }, () => integerIn(random, 0, 255));
    case ScalarType.BOOL:
      return random() < 0.5;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return pick(random, [0, 1, -1, 0.5, 4, 1e300, -0, Number.NaN, Infinity, -Infinity, random()]);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return pick(random, [0, 1, 2, -1, 100, 2 ** 31 - 1, -(2 ** 31)]);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return pick(random, [0, 1, 2 ** 32 - 1]);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return pick(random, [0n, 1n, -1n, 1_772_000_000n, 2n ** 63n - 1n, -(2n ** 63n)]);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return pick(random, [0n, 1n, 2n ** 64n - 1n]);
  }
}

/** Among them what the services know: names, zones, dates, ids that were used before. */
const texts = [
  '',
  'a',
  'id-1',
  'id-2',
  'support',
  'order_status',
  'escalate',
  '2026-03-08',
  '2026-02-30',
  'America/New_York',
  'Mars/Olympus',
  'EUR',
  'eur',
  'EURO',
  'ingestion.read-model',
  'guide.v1/containment_rate',
  '018f3b1e-7c1a-7000-8000-000000000001',
  'line\nbreak',
  'nul\0nul',
  '\u202e\u0300\u{1f600}',
  "'; drop table events; --",
  '\\x00',
  '%00',
  '../../etc/passwd',
  '{"a":1}',
] as const;

function randomText(random: () => number): string {
  if (random() < 0.8) return pick(random, texts);
  const length = pick(random, [1, 8, 200, 201, 3000]);
  return String.fromCodePoint(integerIn(random, 0x20, 0x2fff)).repeat(length);
}
