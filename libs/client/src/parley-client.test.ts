import { create, toBinary } from '@bufbuild/protobuf';
import { timestampNow } from '@bufbuild/protobuf/wkt';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { expect, onTestFinished, test } from 'vitest';
import { createParleyClient, Outcome } from './index.ts';
import type { DroppedEvent, Event, InteractionInput, ParleyClientOptions } from './index.ts';

/** Nobody listens there. */
const nowhere = { url: 'http://127.0.0.1:9', key: 'k' };

function open(options: Partial<ParleyClientOptions> = {}) {
  const dropped: DroppedEvent[] = [];
  const client = createParleyClient({ ...nowhere, onDrop: (event) => dropped.push(event), ...options });
  onTestFinished(async () => void (await client.shutdown({ timeoutMs: 0 })));
  return { client, dropped };
}

test('options out of their range are all named at once', () => {
  expect(() => createParleyClient({ url: 'nowhere', key: '', maxBatchEvents: 1001, maxCalls: 0 })).toThrow(
    /maxBatchEvents must be 1 to 1000; maxCalls must be 1 to 16; url must be .*; key must be/,
  );
});

test("ids are those given, else UUIDv7 of the time; a completion has its interaction's", () => {
  const { client } = open();
  expect(client.interaction({ eventId: 'mine', botId: 'bot' })).toBe('mine');
  expect(client.complete({ interactionId: 'mine' })).toBe('mine');
  const before = Date.now();
  const made = Array.from({ length: 1000 }, () => client.interaction({ botId: 'bot' }));
  expect(new Set(made).size).toBe(1000);
  for (const id of made) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const madeAt = parseInt(id.replaceAll('-', '').slice(0, 12), 16);
    expect(madeAt - before).toBeGreaterThanOrEqual(0);
    expect(madeAt - before).toBeLessThan(5000);
  }
});

test('nothing that a caller may pass makes it throw, nor what a hook throws; it is counted and told', async () => {
  const { client, dropped } = open({
    onDrop: (event) => {
      dropped.push(event);
      throw new Error('a hook of the caller');
    },
  });
  const warned: Error[] = [];
  const onWarning = (warning: Error) => warned.push(warning);
  process.on('warning', onWarning);
  onTestFinished(() => void process.off('warning', onWarning));
  const wrong = [
    undefined,
    null,
    7,
    { botId: Symbol('bot') },
    { botId: 'bot', occurredAt: new Date(NaN) },
    { botId: 'bot', occurredAt: 'yesterday' },
    { botId: 'bot', responseTimeMs: 0.5 / 0 },
    { botId: 'bot', sentiment: 'positive' },
    { botId: 'bot', attributes: { self: (() => {}) as never } },
    { botId: 'bot', messageText: 'x'.repeat(300_000) },
    Object.defineProperty({}, 'botId', {
      enumerable: true,
      get: () => {
        throw new Error('a getter');
      },
    }),
  ];
  for (const input of wrong) expect(client.interaction(input as InteractionInput)).toMatch(/^[0-9a-f-]{36}$/);
  const { recorded, queued } = client.stats();
  expect(recorded).toBe(wrong.length);
  expect(dropped.length + queued).toBe(wrong.length);
  expect(dropped.filter(({ reason }) => reason === 'too-large')).toHaveLength(1);
  expect(dropped.filter(({ reason }) => reason === 'invalid').length).toBeGreaterThanOrEqual(6);
  await new Promise((resolve) => setTimeout(resolve));
  expect(warned).toHaveLength(dropped.length);
});

test("who opted out is not queued, one whose consent can't be told neither", async () => {
  const { client } = open({
    optOut: ({ payload }) => {
      if (payload.case !== 'interaction') throw new Error('not known');
      return payload.value.memberId === 'ann';
    },
  });
  client.interaction({ botId: 'bot', memberId: 'ann' });
  client.interaction({ botId: 'bot', memberId: 'bob' });
  client.member({ memberId: 'ann' });
  expect(client.stats()).toMatchObject({ recorded: 3, optedOut: 2, queued: 1 });
});

test('content off leaves out what members and bots wrote', () => {
  const events: Event[] = [];
  const { client } = open({ contentMode: 'off', optOut: (event) => events.push(event) > 0 });
  const secret = 'secret';
  client.interaction({ botId: 'bot', messageText: secret, responseText: secret, intent: 'support' });
  client.complete({ interactionId: 'i', responseText: secret, responseTimeMs: 3 });
  client.conversion({
    interactionId: 'i',
    outcome: Outcome.VISITED,
    triggerMessage: secret,
    botMessage: secret,
  });
  client.feedback({ interactionId: 'i', rating: 5, comment: secret });
  expect(events).toHaveLength(4);
  for (const event of events) expect(Buffer.from(toBinary(EventSchema, event)).includes(secret)).toBe(false);
  expect(events[0]?.payload.value).toMatchObject({ botId: 'bot', intent: 'support' });
  expect(events[1]?.payload.value).toMatchObject({ responseTimeMs: 3n });
});

test('a call costs little more than writing its bytes', () => {
  const input = { botId: 'bot', memberId: 'm', conversationId: 'c', messageText: 'where is my parcel?' };
  const calls = 10_000;
  const { client } = open({ maxQueueEvents: 100_000, maxAgeMs: 60_000, maxBatchEvents: 1000 });
  const cpuMicros = (run: () => void): number => {
    const before = process.cpuUsage();
    for (let index = 0; index < calls; index++) run();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / calls;
  };
  const write = (): void => {
    const payload = { case: 'interaction', value: input } as const;
    toBinary(
      EventSchema,
      create(EventSchema, { eventId: 'x'.repeat(36), occurredAt: timestampNow(), payload }),
    );
  };
  cpuMicros(write);
  cpuMicros(() => client.interaction(input));
  const written = Math.min(cpuMicros(write), cpuMicros(write));
  const recorded = Math.min(
    cpuMicros(() => client.interaction(input)),
    cpuMicros(() => client.interaction(input)),
  );
  console.log(`a call ${recorded.toFixed(1)} µs, its bytes alone ${written.toFixed(1)} µs`);
  expect(client.stats().queued).toBeGreaterThan(calls);
  expect(recorded / written).toBeLessThan(4);
});

test('shutdown is bounded, answers the same again, and what comes after is told', async () => {
  const { client, dropped } = open();
  client.interaction({ botId: 'bot' });
  const startedAt = performance.now();
  const first = client.shutdown({ timeoutMs: 200 });
  expect(client.shutdown({ timeoutMs: 9_000 })).toBe(first);
  expect(await client.flush()).toEqual({ complete: false, queued: 0 });
  expect(await first).toEqual({ complete: false, queued: 0 });
  expect(performance.now() - startedAt).toBeLessThan(2000);
  client.interaction({ botId: 'bot' });
  expect(dropped.map(({ reason }) => reason)).toEqual(['shut-down', 'shut-down']);
  expect(client.stats()).toMatchObject({ recorded: 2, dropped: 2, queued: 0 });
});
