import { Code } from '@connectrpc/connect';
import { sleep } from '@parley/runtime';
import { expect, test } from 'vitest';
import { createCallLease } from './call-lease.ts';
import { createFairTurns } from './fair-turns.ts';
import { meterBody, type MeterOptions } from './metered-body.ts';
import { createPatienceClock } from './patience-clock.ts';
import { createSharedBudget } from './shared-budget.ts';

function envelope(length: number, promised = length): Buffer {
  const bytes = Buffer.alloc(5 + length);
  bytes.writeUInt32BE(promised, 1);
  return bytes;
}

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** A meter over a budget of which one caller gets half. */
function meter(body: AsyncIterable<Uint8Array>, options: Partial<MeterOptions> = {}, budget = 1_000_000) {
  const bytes = createSharedBudget(budget);
  const lease = createCallLease(createSharedBudget(2), bytes);
  lease.open('tenant');
  const metered = meterBody(body, {
    hasEnvelopes: true,
    turns: createFairTurns(),
    isStream: false,
    isCompressed: false,
    maxMessageBytes: 100_000,
    lease,
    clock: createPatienceClock(),
    bytesRead: () => 0,
    endsAt: Infinity,
    messageMs: 1000,
    idleMs: 1000,
    requestId: 'r-1',
    ...options,
  });
  return { metered, bytes };
}

async function allOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

test('what goes in comes out, however it is cut, and also when its end is missing', async () => {
  const bytes = Buffer.concat([envelope(0), envelope(1000), envelope(7), envelope(50, 60)]);
  for (const size of [1, 4, 5, 6, 100, 1012, 5000]) {
    for (const isStream of [false, true]) {
      expect(await allOf(meter(chunksOf(bytes, size), { isStream }).metered)).toEqual(bytes);
    }
  }
});

test('a message is passed on when it is complete, so that its promise sets nothing aside', async () => {
  const { metered } = meter(chunksOf(Buffer.concat([envelope(100), envelope(200)]), 50));
  let passed = 0;
  for await (const chunk of metered) {
    passed += chunk.length;
    if (passed > 105) {
      // The second message begins in the chunk where the first one ends, and did not come with it.
      expect((await allOf(metered)).length).toBe(310 - passed);
    }
  }
});

test('a promise above the limit is passed on at once', async () => {
  async function* stuck() {
    yield envelope(10, 4_000_000_000);
    await sleep(60_000);
  }
  const { metered } = meter(stuck());
  expect((await metered.next()).value).toHaveLength(15);
  await metered.return(undefined);
});

test('a unary body is held until its call ends, a message of a stream until the next one is pulled', async () => {
  const bytes = Buffer.concat([envelope(1000), envelope(2000)]);
  const unary = meter(chunksOf(bytes, 1005));
  await allOf(unary.metered);
  expect(unary.bytes.taken).toBeGreaterThanOrEqual(3010);
  const stream = meter(chunksOf(bytes, 1005), { isStream: true });
  await stream.metered.next();
  expect(stream.bytes.taken).toBeGreaterThanOrEqual(1005);
  await stream.metered.next();
  await stream.metered.next();
  expect(stream.bytes.taken).toBeLessThan(2500);
});

test('pieces are charged for what they take beside their bytes', async () => {
  const body = envelope(10_000);
  await allOf(meter(chunksOf(body, 10_005)).metered);
  await expect(allOf(meter(chunksOf(body, 1)).metered)).rejects.toMatchObject({
    code: Code.ResourceExhausted,
  });
});

test.each([true, false])(
  'a compressed message is charged the most it may grow to (envelopes: %s)',
  async (has) => {
    const charge = async (isCompressed: boolean) => {
      const { metered, bytes } = meter(chunksOf(envelope(10), 100), { hasEnvelopes: has, isCompressed });
      await allOf(metered);
      return bytes.taken;
    };
    expect(await charge(false)).toBeLessThan(1000);
    expect(await charge(true)).toBe(100_000);
  },
);

test('time counts while the client is waited for, not while it waits for us', async () => {
  async function* slow() {
    for (const byte of envelope(10)) {
      await sleep(20);
      yield Buffer.of(byte);
    }
  }
  await expect(allOf(meter(slow(), { messageMs: 100 }).metered)).rejects.toMatchObject({
    code: Code.DeadlineExceeded,
  });
  const messages = Buffer.concat([envelope(10), envelope(10), envelope(10)]);
  const { metered } = meter(chunksOf(messages, 8), { isStream: true, messageMs: 100 });
  let passed = 0;
  for await (const chunk of metered) {
    passed += chunk.length;
    await sleep(60);
  }
  expect(passed).toBe(45);
});
