import {
  create,
  ScalarType,
  type DescEnum,
  type DescField,
  type DescMessage,
  type Message,
} from '@bufbuild/protobuf';
import { TimestampSchema, timestampFromMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import { reflect, type ReflectMessage, type ScalarValue } from '@bufbuild/protobuf/reflect';
import { integerIn, pick } from './seeded-random.ts';

const deepest = 5;

export interface RandomMessageOptions {
  /** How likely a value is one that a caller might mean, from 0 to 1; the others are anything that the wire can carry. */
  readonly plausibility: number;
  /** About when what is told happened, in ms since 1970. */
  readonly nowMs: number;
}

interface Draw extends RandomMessageOptions {
  readonly random: () => number;
}

/**
 * A message of this type: with plausibility 1 one that is mostly valid, if odd, and may do something; with 0 one whose fields
 * hold the absurd too. Of the fields that exclude each other one is set.
 */
export function randomMessage(
  desc: DescMessage,
  random: () => number,
  options: RandomMessageOptions,
): Message {
  return fill(reflect(desc, create(desc)), { ...options, random }, 0).message;
}

function fill(message: ReflectMessage, draw: Draw, depth: number): ReflectMessage {
  const { random } = draw;
  const isRefused = ({ name }: DescField): boolean =>
    draw.plausibility > 0 && refusedFields.has(name) && random() < 0.95;
  const chosen = message.oneofs.map(({ fields }) =>
    pick(
      random,
      fields.filter((field) => !isRefused(field)),
    ),
  );
  for (const field of message.fields) {
    if (field.oneof ? !chosen.includes(field) : isLeftOut(draw, depth) || isRefused(field)) continue;
    const isPlausible = random() < draw.plausibility;
    if (isPlausible && field.fieldKind === 'message' && field.message.typeName === TimestampSchema.typeName) {
      message.set(field, reflect(TimestampSchema, plausibleTime(field.name, draw)));
    } else setField(message, field, { ...draw, plausibility: isPlausible ? draw.plausibility : 0 }, depth);
  }
  return message;
}

/** Deeper down there is less of everything, so that messages stay small; what is plausible is mostly whole. */
function isLeftOut({ random, plausibility }: Draw, depth: number): boolean {
  return random() > (plausibility > 0 ? 0.9 : 0.8) - depth * 0.1;
}

function setField(message: ReflectMessage, field: DescField, draw: Draw, depth: number): void {
  const { random } = draw;
  switch (field.fieldKind) {
    case 'scalar':
      message.set(field, randomScalar(field.scalar, field.name, draw));
      break;
    case 'enum':
      message.set(field, randomEnum(field.enum, draw));
      break;
    case 'message':
      if (depth < deepest) message.set(field, fill(reflect(field.message), draw, depth + 1));
      break;
    case 'list': {
      const list = message.get(field);
      for (let left = integerIn(random, draw.plausibility > 0 ? 1 : 0, 3); left > 0; left -= 1) {
        if (field.listKind === 'scalar') list.add(randomScalar(field.scalar, field.name, draw));
        else if (field.listKind === 'enum') list.add(randomEnum(field.enum, draw));
        else if (depth < deepest) list.add(fill(reflect(field.message), draw, depth + 1));
      }
      break;
    }
    case 'map': {
      const map = message.get(field);
      for (let left = integerIn(random, 0, 3); left > 0; left -= 1) {
        const key = field.mapKey === ScalarType.STRING ? randomText(random) : integerIn(random, 0, 9);
        if (field.mapKind === 'scalar') map.set(key, randomScalar(field.scalar, field.name, draw));
        else if (field.mapKind === 'enum') map.set(key, randomEnum(field.enum, draw));
        else if (depth < deepest) map.set(key, fill(reflect(field.message), draw, depth + 1));
      }
      break;
    }
  }
}

const dayMs = 86_400_000;

/** Mostly of the last days, sometimes of another year; what starts does so before it ends. */
function plausibleTime(name: string, { random, nowMs }: Draw): Timestamp {
  const recentMs = (random() + (name.startsWith('start') ? 1 : 0)) * dayMs;
  const agoMs = random() < 0.9 ? recentMs : random() * 5000 * dayMs;
  return timestampFromMs(Math.floor(nowMs - agoMs));
}

/** What Parley alone writes. */
const refusedFields: ReadonlySet<string> = new Set([
  'understanding',
  'enrichment',
  'consent',
  'erasure',
  'tick',
]);

function randomEnum({ values }: DescEnum, { random, plausibility }: Draw): number {
  // The first is always the one that says nothing.
  if (plausibility > 0) return pick(random, values.slice(1))?.number ?? 0;
  return random() < 0.8 ? (pick(random, values)?.number ?? 0) : pick(random, [99, -1, 2 ** 31 - 1]);
}

function randomScalar(type: ScalarType, name: string, draw: Draw): ScalarValue {
  return draw.plausibility > 0 ? plausibleScalar(type, name, draw) : absurdScalar(type, draw.random);
}

function absurdScalar(type: ScalarType, random: () => number): ScalarValue {
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

function plausibleScalar(type: ScalarType, name: string, draw: Draw): ScalarValue {
  const { random } = draw;
  switch (type) {
    case ScalarType.STRING:
      return plausibleText(name, random);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return pick(random, [0, 1, 0.5, 4, 1e-300, -0, random()]);
    case ScalarType.INT32:
    case ScalarType.UINT32:
      return plausibleCount(name, random);
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return BigInt(plausibleCount(name, random));
    default:
      return absurdScalar(type, random);
  }
}

/** A tenant that may send one event a second would keep everything else from being tried. */
function plausibleCount(name: string, random: () => number): number {
  return pick(random, /_per_second$|^streams$|^bots$/.test(name) ? [0, 10_000] : [0, 1, 2, 7, 100]);
}

/** By the field's name what it may hold; texts as people write them and as nobody would. */
function plausibleText(name: string, random: () => number): string {
  if (/_id$/.test(name)) return pick(random, ids);
  if (/^page_token$|position$/.test(name)) return '';
  if (name === 'currency_code') return pick(random, ['USD', 'EUR', 'JPY']);
  if (name === 'time_zone') return pick(random, ['UTC', 'America/New_York', 'Australia/Lord_Howe']);
  if (name === 'name') return `name-${integerIn(random, 0, 999_999)}`;
  if (/_date$/.test(name)) return pick(random, ['2026-03-08', '2024-02-29']);
  return pick(random, plausibleTexts);
}

const ids = ['id-1', 'id-2', 'support', 'Id-1', '018f3b1e-7c1a-7000-8000-000000000001', 'é'] as const;

const plausibleTexts = [
  'order_status',
  'escalate',
  'web',
  'Where is my order? 📦',
  '\u202eevil\u0300 \u{1f469}\u200d\u{1f680}',
  "'; drop table events; --",
  '=cmd()|x',
  'line\nbreak\ttab "quote", comma',
  '\ufeff\u0001\u007f\ufffd',
  '{"a":1}',
  'x'.repeat(100),
] as const;

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
