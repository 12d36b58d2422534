import { defineMigration } from '@parley/database';
import type { Database } from '@parley/database';
import type { RawSeal } from '@parley/event';
import { prepareService, testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import type { Projection, ProjectionRuntime, VerificationResult } from '../src/index.ts';
import { createSimulatedLog } from './simulated-log.ts';
import type { SimulatedEvent } from './simulated-log.ts';
import { migrations, service } from './words-projection.ts';
import { openAs, startRuntime, until, untilCaughtUp } from './words.ts';

const cluster = await testCluster();
const never = new AbortController().signal;
const day = 86_400_000;
const firstDay = Date.parse('2026-01-01T00:00:00Z');
const limited = '0190a5e4-0000-7000-8000-000000000001';
const unlimited = '0190a5e4-0000-7000-8000-000000000002';

const prepare = prepareService({
  service,
  migrations: [
    ...migrations,
    defineMigration('0004-create-days', [
      `create table word_days (
         partition integer not null,
         generation integer not null,
         tenant_id uuid not null,
         said_on date not null,
         word text not null,
         said_count bigint not null,
         primary key (partition, generation, tenant_id, said_on, word)
       )`,
    ]),
  ],
});

/** How often each word was said on each day; refuses events that have no body, as if they could not expire. */
const days: Projection = {
  name: 'toy.days',
  version: 1,
  tables: [{ name: 'word_days', sealed: `r.said_on < (seal.received_before at time zone 'UTC')::date` }],
  async fold({ tx, partition, generation, seals }, all) {
    const events = all.filter(({ tenantId, receivedAt }) => {
      const seal = seals?.get(tenantId);
      return seal === undefined || receivedAt >= seal.receivedBefore;
    });
    await tx.query(
      `insert into word_days (partition, generation, tenant_id, said_on, word, said_count)
       select $1, $2, tenant_id, said_on, word, count(*)
         from unnest($3::uuid[], $4::date[], $5::text[]) as said (tenant_id, said_on, word)
        group by tenant_id, said_on, word
       on conflict (partition, generation, tenant_id, said_on, word)
       do update set said_count = word_days.said_count + excluded.said_count`,
      [
        partition,
        generation,
        events.map(({ tenantId }) => tenantId),
        events.map(({ receivedAt }) => receivedAt.toISOString().slice(0, 10)),
        events.map(({ body }) => Buffer.from(body ?? 'GONE').toString()),
      ],
    );
  },
};

/** Each tenant says a word a day, on ten days. */
const tenDays: readonly SimulatedEvent[] = Array.from({ length: 10 }, (_, n) =>
  [limited, unlimited].map((tenantId) => ({
    tenantId,
    text: `word ${n % 3}`,
    receivedAt: new Date(firstDay + n * day + day / 2),
  })),
).flat();

/** Of the first five days. */
const seal: RawSeal = {
  number: 1n,
  partition: 0,
  tenantId: limited,
  receivedBefore: new Date(firstDay + 5 * day),
  occurredBefore: new Date(firstDay + 6 * day),
  throughOffset: 10n,
};

async function setUp() {
  const database = await cluster.database(`${service} days`, prepare);
  const worker = await openAs(database, 'worker');
  const log = createSimulatedLog();
  log.append(0, tenDays);
  const start = () =>
    startRuntime({ db: worker, source: log, projections: [days], sealsMs: 50, batchSize: 3 });
  const runtime = start();
  await untilCaughtUp(worker, await log.heads(never));
  return { worker, log, runtime, start };
}

/** What answers, without its generation. */
async function answer(db: Database): Promise<readonly unknown[]> {
  const { rows } = await db.query(
    `select tenant_id, said_on, word, said_count from word_days join projection_generations using (generation)
      where projection = 'toy.days' and state = 'active' order by tenant_id, said_on, word`,
  );
  return rows;
}

async function verified(runtime: ProjectionRuntime): Promise<VerificationResult> {
  const { result } = (await Array.fromAsync(runtime.verify(days.name, never))).at(-1) ?? {};
  if (result === undefined) throw new Error('no result');
  return result;
}

const rebuilt = (runtime: ProjectionRuntime) => Array.fromAsync(runtime.rebuild(days.name, never));

test('what has expired is copied by a rebuild and a verification, which names it; the rest is computed', async () => {
  const { worker, log, runtime } = await setUp();
  const before = await answer(worker);
  log.seal(seal);
  await until(() => log.confirmed.get(days.name) === 1n);
  log.expire(seal);

  expect(await verified(runtime)).toMatchObject({
    rowCount: 20,
    differenceCount: 0,
    sealed: [{ partition: 0, tenantId: limited, occurredBefore: seal.occurredBefore }],
  });
  await rebuilt(runtime);
  expect(await answer(worker)).toEqual(before);

  // What can still be computed is mended; so is everything of a tenant whose events have not expired.
  await worker.query('update word_days set said_count = 9 where tenant_id = $1 or said_on >= $2', [
    unlimited,
    new Date(firstDay + 5 * day).toISOString(),
  ]);
  expect((await verified(runtime)).differenceCount).toBe(15);
  await rebuilt(runtime);
  expect(await answer(worker)).toEqual(before);

  log.append(0, tenDays.slice(-2));
  await untilCaughtUp(worker, await log.heads(never));
  expect((await verified(runtime)).differenceCount).toBe(0);
});

test('a seal is confirmed only once every generation has passed it, or has begun with it', async () => {
  const { worker, log, runtime } = await setUp();
  const before = await answer(worker);
  // One that is computed and begun without the seal, and held up before it.
  const generation = 2;
  await worker.query(
    `insert into projection_generations (projection, generation, version, state) values ($1, $2, 1, 'building')`,
    [days.name, generation],
  );
  await worker.query(
    `insert into projection_checkpoints (projection, generation, partition, position, seeded_through, lease_holder, lease_expires_at)
     values ($1, $2, 0, 0, 0, 'somebody else', now() + interval '1 hour')`,
    [days.name, generation],
  );
  log.seal(seal);
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(log.confirmed.get(days.name)).toBe(0n);

  await worker.query('update projection_checkpoints set lease_holder = null where generation = $1', [
    generation,
  ]);
  await until(() => log.confirmed.get(days.name) === 1n);
  log.expire(seal);
  await rebuilt(runtime);
  expect(await answer(worker)).toEqual(before);
});

test('where a month was dropped, rows are verified, rebuilt, and computed for the first time from what is left', async () => {
  const { worker, log, runtime, start } = await setUp();
  const before = await answer(worker);
  for (const [number, tenantId] of [limited, unlimited].entries()) {
    log.seal({ ...seal, number: BigInt(number + 1), tenantId });
  }
  await until(() => log.confirmed.get(days.name) === 2n);
  log.drop(0, 10n);

  expect((await verified(runtime)).differenceCount).toBe(0);
  await rebuilt(runtime);
  expect(await answer(worker)).toEqual(before);

  await runtime.close();
  await worker.query('delete from projection_checkpoints');
  await worker.query('delete from projection_seals');
  await worker.query('delete from projection_generations');
  await worker.query('delete from word_days');
  const fresh = start();
  await untilCaughtUp(worker, await log.heads(never));
  expect(await answer(worker)).toEqual(before.slice(5, 10).concat(before.slice(15)));
  expect((await verified(fresh)).differenceCount).toBe(0);
});
