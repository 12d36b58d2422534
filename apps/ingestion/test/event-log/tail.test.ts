import { setTimeout as sleep } from 'node:timers/promises';
import type { LogBatch } from '@parley/event';
import { describe, expect, test } from 'vitest';
import type { EventLog } from '../../src/event-log/event-log.ts';
import { ensureMonths } from '../../src/event-log/months.ts';
import { event, logDatabase, read, tenant, testClusters, textOf } from './log-fixture.ts';

describe.each(await testClusters())('on $name', ({ cluster }) => {
  test('a tail goes on from any offset, in batches as large as asked for', async () => {
    const { openLog } = await logDatabase(cluster);
    const log = await openLog();
    await log.append(Array.from({ length: 25 }, (_, index) => event(`${index + 1}`)));

    const batches = await take(log, { afterOffset: 3n, maxBatchSize: 10 }, 3);

    expect(batches.map(({ events }) => events.length)).toEqual([10, 10, 2]);
    expect(batches.flatMap(({ events }) => events.map(textOf))).toEqual(
      Array.from({ length: 22 }, (_, index) => `${index + 4}`),
    );
    expect(batches.map(({ headOffset }) => headOffset)).toEqual([25n, 25n, 25n]);
  });

  test('a commit wakes the tails of this process and of others within 50 ms', async () => {
    const { openLog } = await logDatabase(cluster);
    const writer = await openLog();
    const other = await openLog();
    for (const reader of [writer, other]) {
      const stop = new AbortController();
      const [head] = (await writer.heads(stop.signal)).values();
      const batches = reader.tail({
        partition: 0,
        afterOffset: head ?? 0n,
        maxBatchSize: 10,
        signal: stop.signal,
      });
      const arrivals: number[] = [];
      const reading = (async () => {
        for await (const batch of batches) if (batch.events.length > 0) arrivals.push(performance.now());
      })();
      await sleep(300);
      const delays: number[] = [];
      for (let round = 0; round < 10; round += 1) {
        await writer.append([event('hello')]);
        const committedAt = performance.now();
        while (arrivals.length <= round) await sleep(1);
        delays.push(Math.max((arrivals[round] ?? Infinity) - committedAt, 0));
      }
      stop.abort();
      await reading;
      // The median, since others use this machine too; a poll would take half a second.
      expect(delays.sort((one, two) => one - two)[5]).toBeLessThan(50);
    }
  });

  test('a tail that hears of nothing still looks, and says now and then that it lives', async () => {
    const { openLog, open } = await logDatabase(cluster);
    const log = await openLog();
    const admin = await open('postgres');
    const reading = take(log, {}, 2);
    await sleep(200);
    // As if written by a process whose announcement was lost.
    await keep(admin, 1);

    const [first, second] = await reading;

    expect(first?.events.map(({ offset }) => offset)).toEqual([1n]);
    expect(second).toEqual({ events: [], headOffset: 1n });
  });

  test('a lost event is an error, not a step over it', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const log = await openLog();
    const admin = await open('postgres');
    await log.append(['one', 'two', 'three'].map((text) => event(text)));
    await log.append([event('one', { partition: 1 })]);
    await admin.query('delete from ingestion.events where partition = 0 and log_offset = 2');
    await admin.query('delete from ingestion.events where partition = 1');

    // Another process: the one that wrote them still has them at hand.
    const reader = await openLog();
    const batches = reader.tail({
      partition: 0,
      afterOffset: 0n,
      maxBatchSize: 1,
      signal: AbortSignal.timeout(5_000),
    });
    const seen: LogBatch[] = [];
    const reading = (async () => {
      for await (const batch of batches) seen.push(batch);
    })();

    await expect(reading).rejects.toMatchObject({ name: 'LogGap', partition: 0, offset: 2n });
    expect(seen.flatMap(({ events }) => events.map(textOf))).toEqual(['one']);
    await expect(read(reader, 1, 1)).rejects.toMatchObject({ name: 'LogGap', partition: 1, offset: 1n });
  });

  test('what retention has dropped is no gap', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const log = await openLog();
    const admin = await open('postgres');
    await log.append(['one', 'two', 'three'].map((text) => event(text)));
    await admin.query('update ingestion.partition_heads set low_water_offset = 2 where partition = 0');
    await admin.query('delete from ingestion.events where partition = 0 and log_offset <= 2');

    expect((await read(await openLog(), 0, 1)).map(textOf)).toEqual(['three']);
  });

  test('a reader that is ahead of the log, or in no partition, is told', async () => {
    const { openLog } = await logDatabase(cluster);
    const log = await openLog();

    await expect(read(log, 0, 1, 7n)).rejects.toMatchObject({
      kind: 'out-of-range',
      reason: 'OFFSET_BEYOND_HEAD',
    });
    await expect(read(log, 99, 1)).rejects.toMatchObject({ kind: 'not-found', reason: 'UNKNOWN_PARTITION' });
  });

  test('a tail reads through months, and leaves out those before it', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const owner = await open('owner');
    const admin = await open('postgres');
    const worker = await open('worker');
    for (const month of ['2025-01-01', '2025-04-01']) await ensureMonths(owner, new Date(month));
    for (let index = 0; index < 60; index += 1) {
      await keep(admin, index + 1, new Date(Date.UTC(2025, Math.floor(index / 10), 15)));
    }
    const log = await openLog({ worker });

    const batches = await take(log, { maxBatchSize: 7 }, 9);
    await worker.close();

    expect(batches.flatMap(({ events }) => events.map(({ offset }) => offset))).toEqual(
      Array.from({ length: 60 }, (_, index) => BigInt(index + 1)),
    );
    const { rows } = await admin.query<{ relname: string; scans: bigint }>(
      `select relname, seq_scan + idx_scan as scans from pg_stat_user_tables
        where relname in ('events_2025_01', 'events_2025_06') order by relname`,
    );
    // One batch of January's ends in February; those after it start from there.
    expect(rows).toEqual([
      { relname: 'events_2025_01', scans: expect.toSatisfy((scans: bigint) => scans <= 3n) },
      { relname: 'events_2025_06', scans: expect.anything() },
    ]);
  });

  test('a batch read from a large log goes by the index of offsets', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const admin = await open('postgres', 1);
    const append = await open('append', 9);
    const writer = await openLog({ append });
    for (let call = 0; call < 8; call += 1) {
      await writer.append(
        Array.from({ length: 1_000 }, (_, index) => event(`${index}`, { partition: index % 2 })),
      );
    }
    const month = `events_${new Date().toISOString().slice(0, 7).replace('-', '_')}`;
    const scans = async (): Promise<{ readonly seq_scan: bigint; readonly rows: bigint } | undefined> => {
      const { rows } = await admin.query<{ seq_scan: bigint; rows: bigint }>(
        `select seq_scan, seq_tup_read + idx_tup_fetch as rows from pg_stat_user_tables where relname = $1`,
        [month],
      );
      return rows[0];
    };
    await append.close();
    const before = await scans();
    const worker = await open('worker');
    await take(await openLog({ worker }), { afterOffset: 3_000n, maxBatchSize: 50 }, 2);
    await worker.close();

    const after = await scans();
    expect(after?.seq_scan).toBe(before?.seq_scan);
    expect((after?.rows ?? 0n) - (before?.rows ?? 0n)).toBeLessThanOrEqual(100n);
  });

  test('long bodies make short batches', async () => {
    const { openLog } = await logDatabase(cluster);
    const log = await openLog();
    const long = 'x'.repeat(3 * 1024 * 1024);
    for (let call = 0; call < 5; call += 1) await log.append([event(`${call}${long}`)]);
    await log.append([event('short')]);

    const batches = await take(log, {}, 2);

    // The last one may go beyond 8 MiB.
    expect(batches.map(({ events }) => events.length)).toEqual([3, 3]);
  });

  test('a slow reader holds no transaction, no connection and no memory', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const log = await openLog();
    const admin = await open('postgres');
    const text = 'y'.repeat(50_000);
    for (let call = 0; call < 20; call += 1) {
      await log.append(Array.from({ length: 50 }, (_, index) => event(`${call} ${index} ${text}`)));
    }
    const stop = new AbortController();
    const readers = Array.from({ length: 40 }, () => {
      const batches = log.tail({ partition: 0, afterOffset: 0n, maxBatchSize: 1, signal: stop.signal });
      return batches[Symbol.asyncIterator]();
    });
    const memory = process.memoryUsage.rss();

    // Each has got one event and does not come back for more.
    await Promise.all(readers.map((reader) => reader.next()));
    await sleep(200);

    const { rows } = await admin.query<{ state: string }>(
      `select state from pg_stat_activity where usename = 'ingestion_worker' and datname = current_database()`,
    );
    expect(new Set(rows.map(({ state }) => state))).toEqual(new Set(['idle']));
    expect(rows.length).toBeLessThanOrEqual(5);
    expect(process.memoryUsage.rss() - memory).toBeLessThan(50 * 1024 * 1024);
    expect((await log.append([event('as ever')]))[0]?.outcome).toBe('accepted');
    stop.abort();
    expect(await Promise.all(readers.map((reader) => reader.next()))).toEqual(
      readers.map(() => ({ done: true, value: undefined })),
    );
  });

  test('a reader that comes back when its tail fails misses nothing over a crash of Postgres', async () => {
    const { openLog } = await logDatabase(cluster);
    const log = await openLog();
    await log.append([event('before')]);
    const stop = new AbortController();
    const seen: string[] = [];
    let position = 0n;
    const reading = (async () => {
      for (let tries = 0; !stop.signal.aborted && tries < 200; tries += 1) {
        try {
          const batches = log.tail({
            partition: 0,
            afterOffset: position,
            maxBatchSize: 10,
            signal: stop.signal,
          });
          for await (const { events } of batches) {
            for (const one of events) seen.push(textOf(one) ?? '');
            position = events.at(-1)?.offset ?? position;
          }
        } catch (error) {
          expect(error).toMatchObject({ kind: 'unavailable' });
          await sleep(50);
        }
      }
    })();
    while (seen.length < 1) await sleep(5);

    await cluster.server.crash();
    await cluster.server.ready(20_000);
    const after = event('after');
    let isKept = false;
    for (let tries = 0; !isKept && tries < 50; tries += 1) {
      try {
        await log.append([after]);
        isKept = true;
      } catch (error) {
        expect(error).toMatchObject({ kind: 'unavailable' });
        await sleep(100);
      }
    }
    while (seen.length < 2) await sleep(5);
    stop.abort();
    await reading;

    expect(seen).toEqual(['before', 'after']);
  });

  test('a tail ends when its signal aborts, and fails when the log closes under it', async () => {
    const { openLog } = await logDatabase(cluster);
    const log = await openLog();
    const stop = new AbortController();
    const ends = async (signal: AbortSignal): Promise<number> => {
      let batches = 0;
      for await (const batch of log.tail({ partition: 0, afterOffset: 0n, maxBatchSize: 1, signal })) {
        batches += batch.events.length;
      }
      return batches;
    };
    const aborted = ends(stop.signal);
    const cutOff = expect(ends(new AbortController().signal)).rejects.toMatchObject({
      kind: 'unavailable',
      reason: 'LOG_CLOSING',
    });
    await sleep(100);

    stop.abort();
    expect(await aborted).toBe(0);
    await log.close();
    await cutOff;
    await expect(ends(new AbortController().signal)).rejects.toMatchObject({ reason: 'LOG_CLOSING' });
  });
});

async function take(
  log: EventLog,
  options: { readonly afterOffset?: bigint; readonly maxBatchSize?: number },
  count: number,
): Promise<LogBatch[]> {
  const stop = new AbortController();
  const taken: LogBatch[] = [];
  const batches = log.tail({
    partition: 0,
    afterOffset: 0n,
    maxBatchSize: 1_000,
    ...options,
    signal: stop.signal,
  });
  for await (const batch of batches) {
    taken.push(batch);
    if (taken.length === count) break;
  }
  return taken;
}

/** Keeps an event at an offset of partition 0 and moves the head there, past the log. */
async function keep(
  admin: Awaited<ReturnType<Awaited<ReturnType<typeof logDatabase>>['open']>>,
  offset: number,
  receivedAt = new Date(),
): Promise<void> {
  await admin.transaction(async (tx) => {
    await tx.query(
      `insert into ingestion.events
         (log_offset, fingerprint, occurred_at, received_at, tenant_id, event_key, partition, kind, body)
       values ($1, 0, $2, $2, $3, gen_random_uuid(), 0, 1, 'kept')`,
      [offset, receivedAt, tenant],
    );
    await tx.query(
      'update ingestion.partition_heads set head_offset = $1, last_received_at = $2 where partition = 0',
      [offset, receivedAt],
    );
  });
}
