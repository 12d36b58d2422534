import { describe, expect, test } from 'vitest';
import { ensureMonths } from '../../src/event-log/months.ts';
import { event, logDatabase, read, testClusters, textOf } from './log-fixture.ts';

describe.each(await testClusters())('on $name', ({ cluster }) => {
  test('months are made ahead, once, whoever else makes them at the same time', async () => {
    const { open } = await logDatabase(cluster);
    const owner = await open('owner');

    await Promise.all([0, 1, 2, 3].map(() => ensureMonths(owner, new Date('2031-11-30T23:59:59Z'))));
    await ensureMonths(owner, new Date('2031-12-01T00:00:00Z'));

    const { rows } = await owner.query<{ name: string; bounds: string }>(
      `select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bounds
         from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'events'::regclass and c.relname > 'events_203' and c.relname <> 'events_default'
        order by c.relname`,
    );
    expect(rows.map(({ name }) => name)).toEqual([
      'events_2031_11',
      'events_2031_12',
      'events_2032_01',
      'events_2032_02',
    ]);
    expect(rows[1]?.bounds).toBe("FOR VALUES FROM ('2031-12-01 00:00:00+00') TO ('2032-01-01 00:00:00+00')");
  });

  test('what came before its month was made moves into it, and stays known and readable', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const owner = await open('owner');
    const admin = await open('postgres');
    const log = await openLog();
    await admin.query(
      `update ingestion.partition_heads set last_received_at = '2031-11-15' where partition = 0`,
    );
    const early = event('early');
    await log.append([early]);

    await ensureMonths(owner, new Date('2031-11-20'));

    const { rows } = await admin.query<{ table: string }>(
      'select tableoid::regclass::text as table from ingestion.events',
    );
    expect(rows).toEqual([{ table: 'events_2031_11' }]);
    expect(await log.append([early, event('late')])).toEqual([
      { outcome: 'duplicate', offset: 1n },
      { outcome: 'accepted', offset: 2n },
    ]);
    expect((await read(log, 0, 2)).map(textOf)).toEqual(['early', 'late']);
  });

  test('appends and tails go on while a month is made', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const owner = await open('owner');
    const log = await openLog();
    let isMaking = true;
    let appended = 0;
    const appending = (async () => {
      while (isMaking) {
        await log.append([event('hello')]);
        appended += 1;
      }
    })();

    for (let year = 2032; year < 2036; year += 1) await ensureMonths(owner, new Date(Date.UTC(year, 0)));
    isMaking = false;
    await appending;

    expect(await read(log, 0, appended)).toHaveLength(appended);
  });

  test('every month has the two unique indexes, and no more', async () => {
    const { open } = await logDatabase(cluster);
    const owner = await open('owner');

    const { rows } = await owner.query<{ definitions: string[] }>(
      `select array_agg(substring(pg_get_indexdef(i.indexrelid) from 'CREATE (.*) INDEX')
                || substring(pg_get_indexdef(i.indexrelid) from ' USING.*') order by i.indexrelid) as definitions
         from pg_inherits p join pg_index i on i.indrelid = p.inhrelid
        where p.inhparent = 'events'::regclass
        group by p.inhrelid`,
    );

    expect(rows.length).toBeGreaterThanOrEqual(4);
    for (const { definitions } of rows) {
      expect(definitions).toEqual([
        'UNIQUE USING btree (partition, log_offset) WHERE (log_offset > 0)',
        'UNIQUE USING btree (partition, tenant_id, kind, event_key)',
      ]);
    }
  });

  test('nobody can change or forge what happened', async () => {
    const { open, openLog } = await logDatabase(cluster);
    const log = await openLog();
    await log.append([event('hello')]);
    const forgery = `insert into events (log_offset, occurred_at, received_at, tenant_id, event_key, partition, kind)
      values (9, now(), now(), gen_random_uuid(), gen_random_uuid(), 0, 1)`;
    const refused: Readonly<Record<'app' | 'worker' | 'append', readonly string[]>> = {
      app: [
        forgery,
        'delete from events',
        'update events set body = null',
        'update partition_heads set head_offset = 9',
      ],
      worker: [
        forgery,
        'delete from events',
        'update events set kind = 2',
        'update partition_heads set head_offset = 9',
      ],
      append: [
        'delete from events',
        'update events set body = null',
        'update partition_heads set low_water_offset = 1',
      ],
    };

    for (const role of ['app', 'worker', 'append'] as const) {
      const database = await open(role);
      for (const statement of refused[role]) {
        await expect(database.query(statement), `${role}: ${statement}`).rejects.toThrow(/permission denied/);
      }
    }
    const app = await open('app');
    expect((await app.query('select from events')).rowCount).toBe(0);
  });
});
