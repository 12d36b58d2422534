import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { create, ScalarType, toBinary, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admittedHeaders, createTenant, type TenantKeys } from '../src/credentials.ts';
import { fuzz } from '../src/fuzz-run.ts';
import { readProcessMemory } from '../src/process-memory.ts';
import { servedMethods, type ServedMethod } from '../src/served-methods.ts';
import { startStandalone, type StandaloneProcess } from '../src/standalone-process.ts';
import { envelope, openWire, type Wire, type WireAnswer, type WireCallOptions } from '../src/wire.ts';

let parley: StandaloneProcess;
let tenant: TenantKeys;
let wire: Wire;
beforeAll(async () => {
  parley = await startStandalone();
  tenant = await createTenant(parley, 'shop');
  wire = await openWire(parley.url);
});
afterAll(async () => {
  wire?.close();
  await parley?.stop();
});

/** Sends these bytes to a method as somebody who may call it. */
function send(
  served: ServedMethod,
  body: Uint8Array,
  { headers, ...options }: WireCallOptions = {},
  over = wire,
): Promise<WireAnswer> {
  const admitted = admittedHeaders(served, parley, tenant);
  return over.call(served.path, body, { headers: { ...admitted, ...headers }, ...options });
}

const good = ({ method }: ServedMethod) => toBinary(method.input, create(method.input));

describe.each(servedMethods)('$path', (served) => {
  const { path, method } = served;

  test('answers bytes that are no message with INVALID_ARGUMENT, in every protocol', async () => {
    const junk = Buffer.from('0fffffffffffffffffff', 'hex');
    expect(await send(served, envelope(junk))).toMatchObject({ code: Code.InvalidArgument });
    const headers = { 'content-type': 'application/grpc-web+proto' };
    expect(await send(served, envelope(junk), { headers })).toMatchObject({ code: Code.InvalidArgument });
    if (method.methodKind === 'unary') {
      for (const [type, body] of [
        ['application/proto', junk],
        ['application/json', Buffer.from('{"noSuchField":1}')],
        ['application/json', Buffer.from('{')],
      ] as const) {
        const answer = await send(served, body, { headers: { 'content-type': type } });
        expect(answer.httpStatus, type).toBe(400);
        expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'invalid_argument' });
      }
    }
  });

  test('answers a message that is too large, or claims to be, with RESOURCE_EXHAUSTED', async () => {
    const claim = envelope(Buffer.alloc(0), { length: 2 ** 32 - 1 });
    const answers = await Promise.all([
      send(served, envelope(Buffer.alloc(served.largestMessage + 1))),
      send(served, claim, { unfinished: true }),
    ]);
    expect(answers).toMatchObject([{ code: Code.ResourceExhausted }, { code: Code.ResourceExhausted }]);
  });

  test('answers a value that no such field can have with INVALID_ARGUMENT, naming the field', async () => {
    for (const [field, message] of impossibleMessages(method.input)) {
      const answer = await send(served, envelope(message));
      expect({ path, field, ...answer }).toMatchObject({ code: Code.InvalidArgument });
      expect(answer.fields, `${field} of ${path}`).toContain(field);
    }
  });
});

test('a message that never comes, one that ends half-way, one that drips and a silent socket are each ended within 15 s, in every method', async () => {
  const silent = connectTcp(Number(new URL(parley.url).port), '127.0.0.1');
  silent.on('error', () => undefined).resume();
  const silence = lifeOf('a silent socket', once(silent, 'close'));
  // A connection each: one may hold no more calls than about as many as there are methods.
  const wires = await Promise.all(Array.from({ length: 3 }, () => openWire(parley.url)));
  const [halves, drops, nothings] = wires;
  const lives = servedMethods.flatMap((served) => {
    const half = envelope(good(served), { length: 60_000 });
    const cases = [
      lifeOf(`half a message for ${served.path}`, send(served, half, { unfinished: true }, halves)),
      lifeOf(`drops for ${served.path}`, send(served, half, { unfinished: true, drip: true }, drops)),
    ];
    // Who may send many messages may take time before the next one.
    if (served.method.methodKind === 'bidi_streaming') return cases;
    const nothing = send(served, Buffer.alloc(0), { unfinished: true }, nothings);
    return [...cases, lifeOf(`nothing for ${served.path}`, nothing)];
  });
  const longer = (await Promise.all([silence, ...lives])).filter(({ ms }) => ms > 15_000);
  for (const each of wires) each.close();
  expect(longer).toEqual([]);
}, 40_000);

async function lifeOf(
  what: string,
  end: Promise<unknown>,
): Promise<{ readonly what: string; readonly ms: number }> {
  const from = performance.now();
  await end;
  return { what, ms: Math.round(performance.now() - from) };
}

test('2,000 messages made from the descriptors, absurd, plausible and broken, find no fault, and memory stays bounded', async () => {
  const report = await fuzz({
    url: parley.url,
    pid: parley.child.pid,
    methods: servedMethods,
    headersOf: (served) => admittedHeaders(served, parley, tenant),
    seed: 12,
    messages: 2000,
  });
  expect(report.faults).toEqual([]);
  expect(report.sent).toBe(2000);
  expect(report.codes['InvalidArgument']).toBeGreaterThan(500);
  expect(report.codes['OK']).toBeGreaterThan(50);
  expect(report.memoryMiB.most).toBeLessThan(report.memoryMiB.before + 256);
}, 180_000);

test('after all this the projections hold what the log says, with nothing parked', async () => {
  const { code, stdout } = await parley.cli(['verify', '--json']);
  expect({ code, ...(JSON.parse(stdout) as object) }).toMatchObject({
    code: 0,
    projections: [{ differences: 0 }, { differences: 0 }],
  });
  const parked = await parley.cli(['parked', '--json']);
  expect(JSON.parse(parked.stdout)).toEqual({ parked_events: [] });
  expect(await readProcessMemory(parley.child.pid)).toBeLessThan(1024);
}, 60_000);

/** For each field that can hold something that it must not: a message in which it does, with the field's path. */
function impossibleMessages(desc: DescMessage, depth = 0): [string, Uint8Array][] {
  const found: [string, Uint8Array][] = [];
  const visit = (message: ReflectMessage, path: string, level: number, root: ReflectMessage): void => {
    for (const field of message.fields) {
      const at = path === '' ? field.name : `${path}.${field.name}`;
      const bad = impossibleValue(field);
      if (bad !== undefined) {
        message.set(field, bad);
        found.push([at, toBinary(desc, root.message)]);
        message.clear(field);
      } else if (field.fieldKind === 'message' && level < 2 && !isJudgedElsewhere(field)) {
        const inner = reflect(field.message);
        message.set(field, inner);
        visit(inner, at, level + 1, root);
        message.clear(field);
      }
    }
  };
  const root = reflect(desc, create(desc));
  visit(root, '', depth, root);
  return found;
}

/** Google's types have rules of their own, and events are judged one by one, after the message that brings them. */
function isJudgedElsewhere({ message }: DescField & { fieldKind: 'message' }): boolean {
  return message.typeName.startsWith('google.') || message.typeName === EventSchema.typeName;
}

function impossibleValue(field: DescField): unknown {
  if (field.fieldKind === 'enum') return 99;
  if (field.fieldKind === 'scalar' && field.scalar === ScalarType.DOUBLE) return Number.NaN;
  if (field.fieldKind === 'message' && field.message.typeName === TimestampSchema.typeName) {
    return reflect(TimestampSchema, create(TimestampSchema, { seconds: 2n ** 62n }));
  }
  if (field.name === 'page_size') return -1;
  return undefined;
}
