import { DomainError } from '@parley/errors';
import { eventKinds } from '@parley/event';
import { expect, test } from 'vitest';
import type { AppendResult, NewEvent } from './event-log.ts';
import { GroupCommit, groupCommitLimits, type GroupCommitLimits } from './group-commit.ts';

/** A group in its transaction, which ends when the test says so. */
interface Transaction {
  readonly events: readonly NewEvent[];
  readonly partitions: readonly number[];
  commit(): void;
  fail(error: Error): void;
}

function groupCommit(limits: Partial<GroupCommitLimits> = {}) {
  const transactions: Transaction[] = [];
  let ms = 0;
  const groups = new GroupCommit(
    (events) => {
      const { promise, resolve, reject } = Promise.withResolvers<readonly AppendResult[]>();
      transactions.push({
        events,
        partitions: [...new Set(events.map(({ partition }) => partition))],
        commit: () => resolve(events.map((_, index) => ({ outcome: 'accepted', offset: BigInt(index + 1) }))),
        fail: reject,
      });
      return promise;
    },
    { ...groupCommitLimits, ...limits },
    () => ms,
  );
  return { groups, transactions, pass: (more: number) => (ms += more) };
}

function events(partition: number, count: number, { bytes = 10, tenantId = busy } = {}): NewEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    partition,
    tenantId,
    kind: eventKinds.interaction,
    eventKey: `0190a5e4-0000-7000-8000-${String(index).padStart(12, '0')}`,
    fingerprint: 0n,
    occurredAt: undefined,
    body: new Uint8Array(bytes),
    sameContentAs: () => true,
  }));
}

const busy = '0190a5e4-0000-7000-8000-000000000001';
const quiet = '0190a5e4-0000-7000-8000-000000000002';

const countOf = ({ events }: Transaction, tenantId: string): number =>
  events.filter((event) => event.tenantId === tenantId).length;

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what waits while a transaction runs goes into the next one, over all partitions', async () => {
  const { groups, transactions } = groupCommit();

  const first = groups.submit(events(0, 1));
  const others = [groups.submit(events(0, 2)), groups.submit(events(1, 3)), groups.submit(events(2, 4))];
  expect(transactions).toHaveLength(1);
  transactions[0]?.commit();
  await first;

  await settled();
  // Partitions that were free did not wait for the first one's.
  expect(
    transactions
      .slice(1)
      .flatMap(({ partitions }) => partitions)
      .sort(),
  ).toEqual([0, 1, 2]);
  expect(transactions).toHaveLength(2);
  transactions[1]?.commit();
  expect((await Promise.all(others)).map((results) => results.length)).toEqual([2, 3, 4]);
});

test('many events go into a transaction for each partition', async () => {
  const { groups, transactions } = groupCommit();

  const calls = [
    groups.submit(events(0, 1_000)),
    groups.submit(events(1, 1_000)),
    groups.submit(events(2, 1_000)),
  ];

  expect(transactions.map(({ partitions }) => partitions)).toEqual([[0], [1], [2]]);
  for (const transaction of transactions) transaction.commit();
  await Promise.all(calls);
});

test('a busy partition does not hold up a few events of another', () => {
  const { groups, transactions } = groupCommit();

  void groups.submit(events(0, 2_000));
  void groups.submit(events(1, 1));

  expect(transactions.map(({ partitions }) => partitions)).toEqual([[0], [1]]);
});

test('two transactions at a time never share a partition', async () => {
  const { groups, transactions } = groupCommit({ fewEvents: 4 });
  const running = new Set<number>();
  let seen = 0;
  const calls = Array.from({ length: 200 }, (_, index) => groups.submit(events(index % 3, 1 + (index % 5))));

  while (seen < transactions.length) {
    const transaction = transactions[seen++];
    for (const partition of transaction?.partitions ?? []) {
      expect(running).not.toContain(partition);
      running.add(partition);
    }
    if (seen === transactions.length) {
      running.clear();
      for (const one of transactions) one.commit();
      await settled();
    }
  }
  expect((await Promise.all(calls)).flat()).toHaveLength(600);
});

test('a transaction takes no more events or bytes than it may, and calls keep their order', async () => {
  const { groups, transactions } = groupCommit({ eventsPerCommit: 10, bytesPerCommit: 10_000 });

  const large = groups.submit(events(0, 25));
  const heavy = groups.submit(events(0, 3, { bytes: 6_000 }));
  for (let index = 0; index < transactions.length; index += 1) {
    transactions[index]?.commit();
    await settled();
  }

  expect(transactions.map((transaction) => transaction.events.length)).toEqual([10, 10, 6, 1, 1]);
  expect(await large).toHaveLength(25);
  expect((await large).map((result) => ('offset' in result ? Number(result.offset) : 0))).toEqual(
    Array.from({ length: 25 }, (_, index) => (index % 10) + 1),
  );
  expect(await heavy).toHaveLength(3);
});

test('a transaction takes no more than was written in 50 ms, but always some', async () => {
  const { groups, transactions, pass } = groupCommit();
  for (let call = 0; call < 40; call += 1) void groups.submit(events(0, 500));

  for (let index = 0; index < 30 && index < transactions.length; index += 1) {
    // 50,000 a second, then 1,000.
    pass((transactions[index]?.events.length ?? 0) / (index < 6 ? 50 : 1));
    transactions[index]?.commit();
    await settled();
  }
  const sizes = transactions.map((transaction) => transaction.events.length);
  // The first finds one call alone, the second the rest.
  expect(sizes.slice(0, 2)).toEqual([500, 5_000]);
  expect(sizes[5]).toBeLessThanOrEqual(3_000);
  expect(sizes[5]).toBeGreaterThanOrEqual(2_000);
  expect(sizes.at(-1)).toBeLessThanOrEqual(1_000);
  expect(sizes.reduce((sum, size) => sum + size)).toBe(20_000);
});

test('where partitions outnumber writers, none is passed over', async () => {
  const { groups, transactions } = groupCommit({ writers: 2, fewEvents: 1, eventsPerCommit: 1 });

  for (let partition = 0; partition < 6; partition += 1) {
    for (let call = 0; call < 3; call += 1) void groups.submit(events(partition, 1));
  }
  for (let index = 0; index < transactions.length; index += 1) {
    transactions[index]?.commit();
    await settled();
  }

  expect(new Set(transactions.slice(0, 8).map(({ partitions }) => partitions[0])).size).toBe(6);
  expect(transactions).toHaveLength(18);
});

test('when the queue is full a call is refused at once, and one that fits is taken', async () => {
  const { groups, transactions } = groupCommit({ waitingEvents: 100, writers: 1 });
  void groups.submit(events(0, 1));
  const waiting = groups.submit(events(0, 40));

  await expect(groups.submit(events(0, 21))).rejects.toMatchObject({
    kind: 'resource-exhausted',
    reason: 'LOG_QUEUE_FULL',
    retryAfterMs: 500,
  });
  const fitting = groups.submit(events(0, 20));
  transactions[0]?.commit();
  await settled();
  transactions[1]?.commit();
  expect((await Promise.all([waiting, fitting])).flat()).toHaveLength(60);
});

test('bytes fill the queue too', async () => {
  const { groups } = groupCommit({ waitingBytes: 10_000, writers: 1 });
  void groups.submit(events(0, 1));
  void groups.submit(events(0, 1, { bytes: 4_000 }));

  await expect(groups.submit(events(0, 1, { bytes: 4_000 }))).rejects.toMatchObject({
    reason: 'LOG_QUEUE_FULL',
  });
});

test.each([
  ['of its partition', 0],
  ['of another partition', 1],
])('a tenant that floods leaves room for one %s', async (_which, partition) => {
  const { groups } = groupCommit({ waitingEvents: 100, writers: 1 });
  void groups.submit(events(0, 1));
  let taken = 0;
  let refused: unknown;
  while (refused === undefined && taken < 100) {
    void groups.submit(events(0, 1)).catch((error: unknown) => (refused = error));
    await settled();
    taken += 1;
  }

  expect(taken).toBe(51);
  expect(refused).toMatchObject({ reason: 'LOG_QUEUE_FULL', quotas: [{ subject: `tenant:${busy}` }] });
  let isTaken = true;
  void groups.submit(events(partition, 20, { tenantId: quiet })).catch(() => (isTaken = false));
  await settled();
  expect(isTaken).toBe(true);
});

test('a tenant with one event waits for no more than a turn of one that floods the same partition', async () => {
  const { groups, transactions } = groupCommit();
  void groups.submit(events(0, 1));
  for (let call = 0; call < 24; call += 1) void groups.submit(events(0, 1_000));
  void groups.submit(events(0, 1, { tenantId: quiet }));

  transactions[0]?.commit();
  await settled();

  expect(transactions[1]?.events).toHaveLength(4_001);
  expect(countOf(transactions[1] ?? expect.fail('no transaction'), quiet)).toBe(1);
});

test('tenants that both want more than is written get the same share of bytes, however large their calls and events', async () => {
  const { groups, transactions } = groupCommit({ bytesPerCommit: 1_000_000 });
  void groups.submit(events(0, 1));
  for (let call = 0; call < 20; call += 1) void groups.submit(events(0, 1_000, { bytes: 44 }));
  for (let call = 0; call < 1_000; call += 1) {
    void groups.submit(events(0, 2, { bytes: 2_744, tenantId: quiet }));
  }

  for (let index = 0; index < 9; index += 1) {
    transactions[index]?.commit();
    await settled();
  }
  const written = transactions.slice(1, 9);
  const bytesOf = (tenantId: string, each: number): number =>
    written.reduce((sum, transaction) => sum + countOf(transaction, tenantId) * each, 0);
  expect(written.length).toBe(8);
  // To within a call and a turn of each.
  expect(Math.abs(bytesOf(busy, 300) - bytesOf(quiet, 3_000))).toBeLessThan(300_000 + 65_536);
  expect(bytesOf(busy, 300)).toBeGreaterThan(2_500_000);
});

test('a call that could never be taken says so', async () => {
  const { groups } = groupCommit({ waitingEvents: 100 });

  await expect(groups.submit(events(0, 101))).rejects.toMatchObject({
    kind: 'invalid-argument',
    reason: 'APPEND_TOO_LARGE',
  });
});

test('an abort takes a call out of the queue, but not out of a transaction', async () => {
  const { groups, transactions } = groupCommit({ waitingEvents: 10 });
  const abort = new AbortController();
  const begun = groups.submit(events(0, 1), abort.signal);
  const waiting = groups.submit(events(0, 5), abort.signal);

  abort.abort(new Error('no longer wanted'));

  await expect(waiting).rejects.toThrow('no longer wanted');
  transactions[0]?.commit();
  expect(await begun).toHaveLength(1);
  await settled();
  expect(transactions).toHaveLength(1);
  // The room that it took is free again.
  void groups.submit(events(0, 10));
  await settled();
  expect(transactions).toHaveLength(2);
  await expect(groups.submit(events(0, 1), abort.signal)).rejects.toThrow('no longer wanted');
});

test('trouble of the database fails the calls of its group and no others', async () => {
  const { groups, transactions } = groupCommit();
  const lost = new DomainError('gone', { kind: 'unavailable', reason: 'DATABASE_UNAVAILABLE' });
  const first = groups.submit(events(0, 1));
  const second = groups.submit(events(0, 1));

  transactions[0]?.fail(lost);
  await expect(first).rejects.toBe(lost);
  await settled();
  transactions[1]?.commit();

  expect(await second).toHaveLength(1);
});

test('a fault of one call is found by giving each of its group a transaction of its own', async () => {
  const { groups, transactions } = groupCommit();
  void groups.submit(events(0, 1));
  const good = groups.submit(events(0, 2));
  const bad = groups.submit(events(0, 3));
  transactions[0]?.commit();
  await settled();

  transactions[1]?.fail(new TypeError('one of them is bad'));
  await settled();
  transactions[2]?.commit();
  await settled();
  transactions[3]?.fail(new TypeError('this one'));

  expect(await good).toHaveLength(2);
  await expect(bad).rejects.toThrow('this one');
  expect(transactions.map((transaction) => transaction.events.length)).toEqual([1, 5, 2, 3]);
});

test('closing finishes what is queued, within a bound', async () => {
  const { groups, transactions } = groupCommit();
  void groups.submit(events(0, 1));
  const queued = groups.submit(events(0, 1));
  const closed = groups.close(10_000);

  await expect(groups.submit(events(0, 1))).rejects.toMatchObject({ reason: 'LOG_CLOSING' });
  transactions[0]?.commit();
  await settled();
  transactions[1]?.commit();
  expect(await queued).toHaveLength(1);
  await closed;

  const stuck = groupCommit();
  void stuck.groups.submit(events(0, 1));
  const left = stuck.groups.submit(events(0, 1));
  const refused = expect(left).rejects.toMatchObject({ kind: 'unavailable', reason: 'LOG_CLOSING' });
  await stuck.groups.close(20);
  await refused;
});
