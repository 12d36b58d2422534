import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '@parley/database';
import { DomainError } from '@parley/errors';
import { eventKinds } from '@parley/event';
import { describe, expect, test } from 'vitest';
import type { AppendResult } from '../../src/event-log/event-log.ts';
import { ensureMonths } from '../../src/event-log/months.ts';
import { event, logDatabase, offsetOf, read, tenant, testClusters, textOf } from './log-fixture.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const otherTenant = '0190a5e4-0000-7000-8000-000000000002';

const outcomes = (results: readonly AppendResult[]): string[] => results.map(({ outcome }) => outcome);

describe.each(await testClusters())('on $name', ({ cluster }) => {
  test('events come back in the order in which they were appended', async () => {
    const { openLog } = await logDatabase(cluster);
    const log = await openLog();
    const occurredAt = new Date('2026-02-03T04:05:06.789Z');

    const results = await log.append([
      event('one', { occurredAt }),
      event('two'),
      event('three', { partition: 3 }),
    ]);

    expect(results).toEqual([
      { outcome: 'accepted', offset: 1n },
      { outcome: 'accepted', offset: 2n },
      { outcome: 'accepted', offset: 1n },
    ]);
    const events = await read(log, 0, 2);
    expect(events.map(textOf)).toEqual(['one', 'two']);
    expect(events[0]).toMatchObject({ tenantId: tenant, kind: eventKinds.interaction, occurredAt });
    expect(events[1]?.occurredAt).toEqual(events[1]?.receivedAt);
    expect((await read(log, 3, 1)).map(textOf)).toEqual(['three']);
    expect((await log.heads(AbortSignal.timeout(1_000))).get(0)).toBe(2n);
  });

  test('sixteen appenders in two processes leave no gap and no event twice', async () => {
    const { openLog } = await logDatabase(cluster);
    const logs = [await openLog(), await openLog()];
    const sent = new Map<string, number>();
    const acknowledged = new Set<string>();

    await Promise.all(
      Array.from({ length: 16 }, async (_, appender) => {
        for (let call = 0; call < 20; call += 1) {
          const events = Array.from({ length: 1 + ((appender * call) % 40) }, (_, index) => {
            const text = `${appender} ${call} ${index}`;
            return event(text, { partition: (appender + index) % 5 });
          });
          for (const { body, partition } of events) sent.set(body.toString(), partition);
          const results = await logs[appender % 2]?.append(events);
          for (const [index, result] of (results ?? []).entries()) {
            acknowledged.add(`${events[index]?.partition} ${offsetOf(result)}`);
          }
        }
      }),
    );

    let stored = 0;
    for (const [partition, head] of await logs[0]!.heads(AbortSignal.timeout(5_000))) {
      const events = await read(logs[0]!, partition, Number(head));
      // The tail itself refuses a gap.
      expect(events).toHaveLength(Number(head));
      for (const stored of events) expect(acknowledged).toContain(`${partition} ${stored.offset}`);
      stored += events.length;
    }
    expect(stored).toBe(sent.size);
    expect(acknowledged.size).toBe(sent.size);
  });

  test('a repeat is a duplicate of what is kept, in the same call and in later ones', async () => {
    const { openLog } = await logDatabase(cluster);
    const log = await openLog();
    const hello = event('hello');

    expect(await log.append([hello, hello])).toEqual([
      { outcome: 'accepted', offset: 1n },
      { outcome: 'duplicate', offset: 1n },
    ]);
    expect(await log.append([event('other'), hello])).toEqual([
      { outcome: 'accepted', offset: 2n },
      { outcome: 'duplicate', offset: 1n },
    ]);
  });

  test('an id counts within its partition, tenant and kind', async () => {
    const { openLog } = await logDatabase(cluster);
    const log = await openLog();
    const hello = event('hello');

    const results = await log.append([
      hello,
      { ...hello, kind: eventKinds.completion },
      { ...hello, tenantId: otherTenant },
      { ...hello, partition: 1 },
    ]);

    expect(outcomes(results)).toEqual(['accepted', 'accepted', 'accepted', 'accepted']);
  });

  test('other bytes of the same content are a duplicate, other content is a conflict', async () => {
    const { openLog } = await logDatabase(cluster);
    const log = await openLog();
    const first = event('hello');
    const { eventKey } = first;
    const reworded = event('hello, in other bytes', { eventKey, sameContentAs: () => true });
    const different = event('goodbye', { eventKey });

    const inOneCall = await log.append([first, reworded, different]);
    const later = await log.append([different, reworded, first]);

    expect(outcomes(inOneCall)).toEqual(['accepted', 'duplicate', 'conflict']);
    expect(outcomes(later)).toEqual(['conflict', 'duplicate', 'duplicate']);
    expect((await read(log, 0, 1)).map(textOf)).toEqual(['hello']);
  });

  test('many conflicts in one call are each compared with their own', async () => {
    const { openLog } = await logDatabase(cluster);
    const log = await openLog();
    const kept = Array.from({ length: 100 }, (_, index) => event(`kept ${index}`, { partition: index % 3 }));
    await log.append(kept);

    const results = await log.append(
      kept.map((first, index) => event(index % 2 === 0 ? 'other' : first.body.toString(), { ...first })),
    );
    const changed = await log.append(
      kept.map((first, index) =>
        event('changed', {
          partition: first.partition,
          eventKey: first.eventKey,
          sameContentAs: (stored) => index % 2 === 0 && Buffer.from(stored).toString() === `kept ${index}`,
        }),
      ),
    );

    expect(new Set(outcomes(results))).toEqual(new Set(['duplicate']));
    expect(outcomes(changed)).toEqual(kept.map((_, index) => (index % 2 === 0 ? 'duplicate' : 'conflict')));
  });

  test('what has been erased is still known', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const log = await openLog();
    const erased = event('a secret');
    await log.append([erased, event('next')]);
    const worker = await open('worker');
    await worker.query(
      'update events set body = null, fingerprint = null where partition = 0 and log_offset = 1',
    );

    const results = await log.append([erased, event('another', { eventKey: erased.eventKey })]);

    expect(results).toEqual([
      { outcome: 'duplicate', offset: 1n },
      { outcome: 'duplicate', offset: 1n },
    ]);
    expect((await read(await openLog(), 0, 2)).map(textOf)).toEqual([undefined, 'next']);
  });

  test('a repeat is known across months: for 35 days, and since it occurred where that is said', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const log = await openLog();
    const owner = await open('owner');
    const admin = await open('postgres');
    const daysAgo = (days: number): Date => new Date(Date.now() - days * DAY_MS);
    for (const days of [34, 100]) await ensureMonths(owner, daysAgo(days));
    const recent = event('34 days ago');
    const old = event('100 days ago', { occurredAt: daysAgo(100) });
    await keepAt(admin, recent.eventKey, 1, daysAgo(34), recent.fingerprint);
    await keepAt(admin, old.eventKey, 2, daysAgo(100), old.fingerprint);
    await admin.query(
      'update ingestion.partition_heads set head_offset = 2, last_received_at = $1 where partition = 0',
      [daysAgo(34)],
    );

    const results = await log.append([recent, old]);
    const undated = await log.append([{ ...old, occurredAt: undefined }]);
    const thirdTime = await log.append([old, event('new')]);

    expect(results).toEqual([
      { outcome: 'duplicate', offset: 1n },
      { outcome: 'duplicate', offset: 2n },
    ]);
    // Beyond what is promised; and though it is there twice now, offsets stay dense.
    expect(undated).toEqual([{ outcome: 'accepted', offset: 3n }]);
    expect(thirdTime).toEqual([
      { outcome: 'duplicate', offset: 2n },
      { outcome: 'accepted', offset: 4n },
    ]);
  });

  test('an append looks keys up by their index, in the months that matter', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const owner = await open('owner');
    const admin = await open('postgres', 1);
    for (const date of ['2025-01-15', '2025-04-15']) await ensureMonths(owner, new Date(date));
    const append = await open('append', 9);
    const log = await openLog({ append });
    // The plan is made while the month is empty and known to be, and must still be right when it is not.
    await admin.query('analyze ingestion.events');
    for (let call = 0; call < 10; call += 1) {
      const events = Array.from({ length: 500 }, (_, index) =>
        event(`${call} ${index}`, { partition: index % 2 }),
      );
      await log.append([...events, ...events]);
    }
    await append.close();

    const { rows } = await admin.query<{
      relname: string;
      seq_scan: bigint;
      key_scan: bigint;
      offset_scan: bigint;
    }>(
      `select t.relname, t.seq_scan, k.idx_scan as key_scan, o.idx_scan as offset_scan
         from pg_stat_user_tables t
         join pg_stat_user_indexes k on k.relid = t.relid and k.indexrelname = t.relname || '_key'
         join pg_stat_user_indexes o on o.relid = t.relid and o.indexrelname = t.relname || '_offset'
        where t.relname ~ '^events_[0-9]'`,
    );
    const month = `events_${new Date().toISOString().slice(0, 7).replace('-', '_')}`;
    for (const { relname, seq_scan, key_scan, offset_scan } of rows) {
      expect({ relname, seq_scan, offset_scan }).toEqual({ relname, seq_scan: 0n, offset_scan: 0n });
      if (relname === month) expect(key_scan).toBeGreaterThanOrEqual(18n);
      if (relname < 'events_2025_12') expect({ relname, key_scan }).toEqual({ relname, key_scan: 0n });
    }
    expect(rows.map(({ relname }) => relname)).toContain(month);
  });

  test('a commit that finds only duplicates writes to its head, so that it waits for standbys too', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const admin = await open('postgres');
    const log = await openLog();
    const hello = event('hello');
    await log.append([hello]);
    const version = async (): Promise<unknown> =>
      (await admin.query('select xmin::text, head_offset from ingestion.partition_heads where partition = 0'))
        .rows[0];
    const before = await version();

    await log.append([hello]);

    expect(await version()).toMatchObject({ head_offset: 1n });
    expect(await version()).not.toEqual(before);
  });

  test('an append is flushed even where the server is told not to wait', async () => {
    const { open } = await logDatabase(cluster);
    const append = await open('append');

    const setting = await append.transaction(async (tx) => {
      await tx.query(`set local synchronous_commit = off`);
      await tx.query(
        `select * from claim_offsets('{0}', '{${tenant}}', '{1}', '{null}', '{t}', '{1}', '{1}', '{${randomUUID()}}')`,
      );
      const { rows } = await tx.query<{ setting: string }>(
        `select current_setting('synchronous_commit') as setting`,
      );
      await tx.query(`update partition_heads set head_offset = 0 where partition = 0`);
      return rows[0]?.setting;
    });

    expect(setting).toBe('on');
  });

  test('what no standby has is not acknowledged, neither as new nor as a duplicate', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const admin = await open('postgres');
    const log = await openLog();
    const hello = event('hello');
    const waitForStandby = async (name: string): Promise<void> => {
      await admin.query(`alter system set synchronous_standby_names = '${name}'`);
      await admin.query('select pg_reload_conf()');
    };
    const append = async (): Promise<string> => {
      try {
        return outcomes(await log.append([hello])).join();
      } catch (error) {
        return error instanceof DomainError ? error.reason : String(error);
      }
    };
    let isCancelling = true;
    const cancelling = (async () => {
      while (isCancelling) {
        await admin.query(
          `select pg_cancel_backend(pid) from pg_stat_activity
            where wait_event = 'SyncRep' and usename = 'ingestion_append' and datname = current_database()`,
        );
        await sleep(10);
      }
    })();

    await waitForStandby('a_stranger');
    let isWaiting = false;
    // The server takes up its new settings when it gets to it.
    await waitFor(async () => {
      await log.append([event('canary')]).catch(() => (isWaiting = true));
      return isWaiting;
    });
    const answers = [await append(), await append()];
    await waitForStandby('');
    await waitFor(async () => (await append()) === 'duplicate');
    isCancelling = false;
    await cancelling;

    expect(answers).toEqual(['NOT_REPLICATED', 'NOT_REPLICATED']);
  });

  test('time of receipt never goes back, whatever the clock does', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const admin = await open('postgres');
    const log = await openLog();
    const ahead = new Date(Date.now() + 1_000 * DAY_MS);
    await admin.query('update ingestion.partition_heads set last_received_at = $1 where partition = 0', [
      ahead,
    ]);

    await log.append([event('from now on')]);

    expect((await read(log, 0, 1))[0]?.receivedAt).toEqual(ahead);
  });

  test('a partition that is not there is named, and one that was added is used', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const log = await openLog();
    const stray = event('hello', { partition: 8 });

    await expect(log.append([event('fine'), stray])).rejects.toMatchObject({
      kind: 'not-found',
      reason: 'UNKNOWN_PARTITION',
      message: 'There is no partition 8.',
    });
    const owner = await open('owner');
    await owner.query('insert into partition_heads (partition) values (8)');
    expect(await log.append([stray])).toEqual([{ outcome: 'accepted', offset: 1n }]);
    expect(await log.heads(AbortSignal.timeout(1_000))).toHaveLength(9);
  });

  test('an event that the database refuses fails its own call, not those that share its transaction', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const admin = await open('postgres');
    const log = await openLog();
    await log.append([event('warm')]);
    const held = await holdHead(admin);

    const first = log.append([event('in the first group')]);
    const good = log.append([event('good')]);
    const bad = log.append([event('bad', { tenantId: 'nobody in particular' })]);
    const better = log.append([event('better')]);
    void bad.catch(() => undefined);
    await held.release();

    expect(outcomes([...(await first), ...(await good), ...(await better)])).toEqual([
      'accepted',
      'accepted',
      'accepted',
    ]);
    await expect(bad).rejects.toThrow(/nobody in particular/);
  });

  test('when its connection is cut, a call fails as unavailable and can be repeated', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const admin = await open('postgres');
    const log = await openLog();
    const events = [event('one'), event('two')];
    const held = await holdHead(admin);

    const first = log.append(events);
    const refused = expect(first).rejects.toMatchObject({ kind: 'unavailable', retryAfterMs: 1_000 });
    await waitFor(async () => {
      const { rowCount } = await admin.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where usename = 'ingestion_append' and wait_event_type = 'Lock' and datname = current_database()`,
      );
      return rowCount > 0;
    });
    await refused;
    await held.release();

    expect(outcomes(await log.append(events))).toEqual(['accepted', 'accepted']);
    expect(outcomes(await log.append(events))).toEqual(['duplicate', 'duplicate']);
  });

  test('a head that somebody holds for too long is unavailable, not an endless wait', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const admin = await open('postgres');
    const owner = await open('owner');
    await owner.query(`alter function claim_offsets set lock_timeout = '200ms'`);
    const log = await openLog();
    const held = await holdHead(admin);

    await expect(log.append([event('hello')])).rejects.toMatchObject({
      kind: 'unavailable',
      reason: 'LOG_UNAVAILABLE',
    });
    expect(outcomes(await log.append([event('elsewhere', { partition: 1 })]))).toEqual(['accepted']);
    await held.release();
  });

  test('a closing log answers what was begun and refuses what comes', async () => {
    const { openLog } = await logDatabase(cluster);
    const log = await openLog();

    const begun = Array.from({ length: 50 }, (_, index) => log.append([event(`${index}`)]));
    await begun[0];
    const closed = log.close();

    await expect(log.append([event('late')])).rejects.toMatchObject({
      kind: 'unavailable',
      reason: 'LOG_CLOSING',
    });
    expect(new Set(outcomes((await Promise.all(begun)).flat()))).toEqual(new Set(['accepted']));
    await closed;
  });
});

/** Keeps an event of partition 0 as if it had been received then. */
async function keepAt(
  admin: Database,
  eventKey: string,
  offset: number,
  receivedAt: Date,
  fingerprint: bigint,
): Promise<void> {
  await admin.query(
    `insert into ingestion.events
       (log_offset, fingerprint, occurred_at, received_at, tenant_id, event_key, partition, kind, body)
     values ($1, $2, $3, $3, $4, $5, 0, 1, 'kept')`,
    [offset, fingerprint, receivedAt, tenant, eventKey],
  );
}

/** Locks the head of partition 0, as another process's append would. */
async function holdHead(admin: Database): Promise<{ release(): Promise<void> }> {
  const held = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const transaction = admin.transaction(async (tx) => {
    await tx.query('select from ingestion.partition_heads where partition = 0 for update');
    held.resolve();
    await released.promise;
  });
  await held.promise;
  return {
    release: async () => {
      released.resolve();
      await transaction;
    },
  };
}

async function waitFor(claim: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!(await claim())) {
    if (performance.now() > deadline) throw new Error('It did not come true within 5 s.');
  }
}
