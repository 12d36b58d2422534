import {
  create,
  ScalarType,
  type DescField,
  type DescMessage,
  type Message,
  type MessageInitShape,
} from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { createValidator } from '@bufbuild/protovalidate';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createQuickCheck } from './quick-check.ts';
import { createSoundnessCheck } from './soundness.ts';

const soundness = createSoundnessCheck();
const quick = createQuickCheck(soundness);
const rules = createValidator();
const schemas: readonly DescMessage[] = [
  EventSchema,
  ...[IngestionService, TenantService, MetricsService].flatMap(({ methods }) =>
    methods.map(({ input }) => input),
  ),
];

type Pick = <Value>(values: readonly Value[]) => Value;

// Values at, inside and outside of the bounds of rules.
const texts = [
  '',
  'a',
  'USD',
  'x'.repeat(200),
  'x'.repeat(201),
  '😀'.repeat(150),
  '😀'.repeat(201),
  'a\0',
  '\ud800',
];
const doubles = [0, 1, 0.5, -1, 1.01, 2 ** 31 - 1, Number.NaN, Infinity];
const int32s = [0, 1, -1, 10_000, 2 ** 31 - 1];
const int64s = [0n, 1n, -1n, 86_400_000n, 86_400_001n, 2n ** 62n];

function scalarOf(type: ScalarType, pick: Pick): unknown {
  switch (type) {
    case ScalarType.STRING:
      return pick(texts);
    case ScalarType.BOOL:
      return true;
    case ScalarType.DOUBLE:
      return pick(doubles);
    case ScalarType.INT32:
      return pick(int32s);
    case ScalarType.INT64:
      return pick(int64s);
    default:
      return undefined;
  }
}

function valueOf(field: DescField, pick: Pick, depth: number): unknown {
  if (field.fieldKind === 'enum') return pick([0, 1, 2, 99]);
  if (field.fieldKind === 'scalar') return scalarOf(field.scalar, pick);
  if (field.fieldKind !== 'message' || depth > 3) return undefined;
  const message = reflect(field.message, undefined, false);
  fill(message, pick, depth + 1);
  return message;
}

/** Leaves most fields as they are, so that whole messages are good now and then. */
function fill(message: ReflectMessage, pick: Pick, depth: number): void {
  for (const field of message.fields) {
    if (pick([true, true, false])) continue;
    if (field.fieldKind === 'list') {
      if (field.listKind !== 'scalar') continue;
      const list = message.get(field);
      for (let size = pick([0, 1, 3, 101]); size > 0; size -= 1) list.add(scalarOf(field.scalar, pick));
    } else {
      const value = valueOf(field, pick, depth);
      if (value !== undefined) message.set(field, value);
    }
  }
}

/** By the full checks. */
function isValid(schema: DescMessage, message: Message): boolean {
  return soundness.check(schema, message).length === 0 && rules.validate(schema, message).kind === 'valid';
}

test('what is plainly valid is valid by the full checks, whatever the message', () => {
  let plain = 0;
  fc.assert(
    fc.property(fc.constantFrom(...schemas), fc.infiniteStream(fc.nat()), (schema, random) => {
      const pick: Pick = (values) => {
        const value = values[Number(random.next().value) % values.length];
        if (value === undefined) throw new RangeError('There is nothing to pick from.');
        return value;
      };
      const message = reflect(schema, create(schema), false);
      fill(message, pick, 0);
      if (!quick.isPlainlyValid(schema, message.message)) return;
      plain += 1;
      expect(isValid(schema, message.message)).toBe(true);
    }),
    { numRuns: 5_000, seed: 12 },
  );
  expect(plain).toBeGreaterThan(500);
});

test('an ordinary interaction, completion and conversion are plainly valid', () => {
  const interactionId = '0198c0de-0000-7000-8000-000000000001';
  const payloads: NonNullable<MessageInitShape<typeof EventSchema>['payload']>[] = [
    { case: 'interaction', value: { botId: 'b', messageText: 'hello', attributes: { a: [1] } } },
    { case: 'completion', value: { interactionId, responseTimeMs: 0n } },
    { case: 'conversion', value: { interactionId, outcome: 1, value: { currencyCode: 'USD' } } },
  ];
  for (const payload of payloads) {
    const event = create(EventSchema, { eventId: 'e', occurredAt: { seconds: 1n }, payload });
    expect(quick.isPlainlyValid(EventSchema, event), payload.case).toBe(true);
  }
});
