import { randomUUID } from 'node:crypto';
import { createProjectionRuntime } from '@parley/projection';
import type { ProjectionRuntime } from '@parley/projection';
import { packEventKeys } from '@parley/event';
import { testCluster } from '@parley/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { kpiProjection } from '../src/projection/kpi-projection.ts';
import { event, inOrder, tenantA, tenantB } from './events.ts';
import type { NewEvent } from './events.ts';
import { logger, openMetricsRows, partition } from './metrics-database.ts';
import type { MetricsRows } from './metrics-database.ts';
import { eventsOf, orders, span, start, world } from './random-world.ts';
import type { World } from './random-world.ts';
import { createSimulatedLog } from './simulated-log.ts';
import type { SimulatedLog } from './simulated-log.ts';

const cluster = await testCluster();
const dayMs = 86_400_000;
const never = new AbortController().signal;

/** Each event comes up to two days after it occurred, so what belongs together comes in any order. */
function delivered(events: readonly NewEvent[], stream: fc.Stream<number>): readonly NewEvent[] {
  return events
    .map((one) => ({
      ...one,
      receivedAt: new Date(one.occurredAt.getTime() + Math.floor((stream.next().value ?? 0) * 2 * dayMs)),
    }))
    .sort((a, b) => a.receivedAt.getTime() - b.receivedAt.getTime());
}

/** A second reading of each interaction that was read. */
function readAgain({ dialogues }: World): readonly NewEvent[] {
  return dialogues.flatMap(({ at, enrichment }, n) =>
    enrichment === null
      ? []
      : [
          event(
            {
              case: 'enrichment',
              value: { interactionId: `i${n}`, understanding: { intent: 'escalate', sentiment: 1 } },
            },
            { id: `read i${n} again`, at: new Date(at + 3) },
          ),
        ],
  );
}

/** A figure of others for each interaction. */
function measured({ dialogues }: World): readonly NewEvent[] {
  return dialogues.map(({ at, bot }, n) =>
    event(
      {
        case: 'botPerformanceMetric',
        value: {
          botId: bot,
          metricCategory: 5,
          metricType: 'latency',
          metricValue: n,
          aggregationPeriod: 1,
          sampleSize: 1n,
        },
      },
      { id: `p${n}`, at: new Date(at) },
    ),
  );
}

async function withRuntime(
  { worker }: MetricsRows,
  source: SimulatedLog,
  work: (runtime: ProjectionRuntime) => Promise<void>,
): Promise<void> {
  const runtime = createProjectionRuntime({
    db: worker,
    source,
    projections: [kpiProjection],
    holder: randomUUID(),
    now: () => new Date(),
    logger,
    batchSize: 7,
    sealsMs: 20,
  });
  runtime.start();
  try {
    await work(runtime);
  } finally {
    await runtime.close();
  }
}

async function caughtUp({ worker }: MetricsRows, head: bigint): Promise<void> {
  await expect
    .poll(
      async () => {
        const { rows } = await worker.query<{ position: bigint }>(
          `select position from projection_checkpoints join projection_generations using (projection, generation)
            where state = 'active'`,
        );
        return rows[0]?.position;
      },
      { timeout: 60_000, interval: 10 },
    )
    .toBe(head);
}

async function differences(runtime: ProjectionRuntime): Promise<readonly unknown[]> {
  const { result } = (await Array.fromAsync(runtime.verify(kpiProjection.name, never))).at(-1) ?? {};
  if (result === undefined) throw new Error('no result');
  expect(result.differenceCount).toBe(result.differences.length);
  return result.differences;
}

/** Every row that answers, but for its generation. */
async function rowsOf({ worker }: MetricsRows): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  for (const { name, where = 'true' } of kpiProjection.tables) {
    const { rows } = await worker.query<{ row: string }>(
      `select (to_jsonb(r) - 'generation')::text as row
         from ${name} r join projection_generations g using (generation)
        where g.projection = $1 and g.state = 'active' and (${where}) order by 1`,
      [kpiProjection.name],
    );
    found.set(
      name,
      rows.map(({ row }) => row),
    );
  }
  return found;
}

async function empty({ worker }: MetricsRows): Promise<void> {
  for (const { name } of kpiProjection.tables) await worker.query(`delete from ${name}`);
  for (const table of ['seals', 'checkpoints', 'parked', 'generations']) {
    await worker.query(`delete from projection_${table}`);
  }
}

test(
  'where raw events have expired, a rebuild and a verification give every row as it was, whatever came when',
  { timeout: 280_000 },
  async () => {
    const rows = await openMetricsRows(cluster);
    await fc.assert(
      fc.asyncProperty(
        world,
        world,
        orders,
        fc.integer({ min: 1, max: 4 }),
        async (own, others, stream, days) => {
          await empty(rows);
          const log = createSimulatedLog(partition);
          const all = delivered(
            [...eventsOf(own, tenantA), ...readAgain(own), ...measured(own), ...eventsOf(others, tenantB)],
            stream,
          );
          log.append(all);
          const receivedBefore = new Date(start + days * dayMs);
          await withRuntime(rows, log, async (runtime) => {
            await caughtUp(rows, log.head);
            const before = await rowsOf(rows);
            expect(before.get('bot_metric_facts')).toHaveLength(own.dialogues.length);
            log.seal({
              number: 1n,
              partition,
              tenantId: tenantA,
              receivedBefore,
              occurredBefore: new Date(receivedBefore.getTime() + dayMs),
              throughOffset: BigInt(all.filter((one) => one.receivedAt < receivedBefore).length),
            });
            // Between the announcement and the removal, and after it.
            expect(await differences(runtime)).toEqual([]);
            await expect.poll(() => log.confirmed, { timeout: 10_000, interval: 10 }).toBe(1n);
            log.expire();
            expect(await differences(runtime)).toEqual([]);
            await Array.fromAsync(runtime.rebuild(kpiProjection.name, never));
            expect(await rowsOf(rows)).toEqual(before);

            // What comes later changes what is sealed in the running rows and in those computed beside alike.
            const late = [
              event(
                { case: 'completion', value: { interactionId: 'i0', responseText: 'late' } },
                { id: 'i0', at: new Date(start + span + 3 * dayMs) },
              ),
              event(
                { case: 'enrichment', value: { interactionId: 'i1', understanding: { intent: 'late' } } },
                { id: 'late i1', at: new Date(start + span + 3 * dayMs) },
              ),
            ];
            log.append(late);
            await caughtUp(rows, log.head);
            expect(await differences(runtime)).toEqual([]);
          });
        },
      ),
      { numRuns: 8, endOnFailure: true },
    );
  },
);

test('what came before the border and was changed after it is as it was, day of knowledge by day', async () => {
  const rows = await openMetricsRows(cluster);
  const log = createSimulatedLog(partition);
  const at = (day: number, hour = 0) => new Date(start + day * dayMs + hour * 3_600_000);
  const border = 10;
  const read = (id: string, day: number, intent: string) =>
    event(
      { case: 'enrichment', value: { interactionId: id, understanding: { intent, sentiment: 1 } } },
      { id: `${intent} ${id}`, at: at(day) },
    );
  const said = (id: string, day: number, receivedAt: Date) =>
    event(
      { case: 'interaction', value: { botId: 'sales', memberId: 'ann' } },
      { id, at: at(day), receivedAt },
    );
  const sold = (id: string, day: number) =>
    event({ case: 'conversion', value: { interactionId: id, outcome: 1 } }, { id: `c ${id}`, at: at(day) });
  const all = [
    // Read twice, sold and completed after the border.
    said('early', 9, at(9)),
    // Of these the completion came before the border, and a conversion long before its interaction.
    event({ case: 'completion', value: { interactionId: 'late' } }, { id: 'late', at: at(9, 1) }),
    read('early', border, 'escalate'),
    read('early', border + 1, 'fallback'),
    sold('early', border + 1),
    event(
      { case: 'completion', value: { interactionId: 'early', responseText: 'yes' } },
      { id: 'early', at: at(border + 1, 2) },
    ),
    sold('late', border + 2),
    said('late', 9, at(border + 3)),
    read('late', border + 4, 'escalate'),
    said('other', border + 5, at(border + 5)),
  ];
  log.append(all);
  await withRuntime(rows, log, async (runtime) => {
    await caughtUp(rows, log.head);
    const before = await rowsOf(rows);
    expect(before.get('conversion_facts')).toHaveLength(2);
    log.seal({
      number: 1n,
      partition,
      tenantId: tenantA,
      receivedBefore: at(border),
      occurredBefore: at(border + 1),
      throughOffset: 2n,
    });
    await expect.poll(() => log.confirmed, { timeout: 10_000, interval: 10 }).toBe(1n);
    log.expire();
    expect(await differences(runtime)).toEqual([]);
    await Array.fromAsync(runtime.rebuild(kpiProjection.name, never));
    expect(await rowsOf(rows)).toEqual(before);
  });
});

test(
  'with a limit of 30 days, the KPIs of all 90 days are the same before and after',
  { timeout: 120_000 },
  async () => {
    const rows = await openMetricsRows(cluster);
    const log = createSimulatedLog(partition);
    const day = (n: number) => new Date(start + n * dayMs);
    log.append(
      Array.from({ length: 90 }, (_, n) => {
        const at = new Date(day(n).getTime() + dayMs / 3);
        const id = `i${n}`;
        return [
          event(
            {
              case: 'interaction',
              value: {
                botId: n % 2 === 0 ? 'sales' : 'help',
                groupId: 'shop',
                memberId: `m${n % 7}`,
                intent: n % 5 === 0 ? 'escalate' : 'buy',
                responseTimeMs: BigInt(n),
              },
            },
            { id, at },
          ),
          event({ case: 'conversion', value: { interactionId: id, outcome: 1 } }, { id: `c${n}`, at }),
          event(
            { case: 'feedback', value: { interactionId: id, type: 1, rating: 1 + (n % 5) } },
            { id: `f${n}`, at },
          ),
          event(
            { case: 'member', value: { memberId: `m${n % 7}`, userId: `u${n % 3}` } },
            { id: `r${n}`, at },
          ),
          event({ case: 'user', value: { userId: `u${n % 3}` } }, { id: `u${n}`, at }),
        ];
      }).flat(),
    );
    const figures = async () => {
      const { rows: active } = await rows.worker.query<{ generation: number }>(
        `select generation from projection_generations where state = 'active'`,
      );
      const { generation = 0 } = active[0] ?? {};
      const of = async (from: Date, to: Date, groupId = '') => [
        await rows.state(from, to, { generation, groupId }),
        await rows.people(from, to, { generation, groupId }),
      ];
      const found: unknown[] = [];
      for (let n = 0; n < 90; n += 1) found.push(await of(day(n), day(n + 1)));
      // Also by group, over the border, and between two instants of an old quarter of an hour.
      const odd = new Date(day(10).getTime() + dayMs / 3 - 60_000);
      found.push(
        await of(day(0), day(90)),
        await of(day(0), day(90), 'shop'),
        await of(odd, new Date(odd.getTime() + 90_000)),
      );
      return found;
    };
    await withRuntime(rows, log, async (runtime) => {
      await caughtUp(rows, log.head);
      const before = await figures();
      log.seal({
        number: 1n,
        partition,
        tenantId: tenantA,
        receivedBefore: day(59),
        occurredBefore: day(60),
        throughOffset: BigInt(59 * 5),
      });
      await expect.poll(() => log.confirmed, { timeout: 10_000, interval: 10 }).toBe(1n);
      log.expire();
      expect(await figures()).toEqual(before);
      expect(await differences(runtime)).toEqual([]);
      expect(await figures()).toEqual(before);
      await Array.fromAsync(runtime.rebuild(kpiProjection.name, never));
      expect(await figures()).toEqual(before);
    });
  },
);

test('a member is erased also from what its expired events have left', async () => {
  const rows = await openMetricsRows(cluster);
  const day = (n: number) => new Date(start + n * dayMs);
  const of = (memberId: string, id: string, at: Date): readonly NewEvent[] => [
    event({ case: 'interaction', value: { botId: 'sales', memberId, intent: 'buy' } }, { id, at }),
    event({ case: 'conversion', value: { interactionId: id, outcome: 1 } }, { id: `c ${id}`, at }),
    event({ case: 'feedback', value: { interactionId: id, type: 1, rating: 5 } }, { id: `f ${id}`, at }),
  ];
  const bob = [...of('bob', 'b1', day(0)), ...of('bob', 'b2', day(40))];
  // Of another one's interactions, and with a value, so that ann is among those who paid.
  const sold = (id: string, interactionId: string, at: Date) =>
    event(
      {
        case: 'conversion',
        value: { interactionId, outcome: 1, memberId: 'ann', value: { currencyCode: 'USD', minorUnits: 5n } },
      },
      { id, at },
    );
  const handoff = (id: string, interactionId: string, at: Date) =>
    event({ case: 'handoff', value: { interactionId } }, { id, at });
  const others = [
    event({ case: 'interaction', value: { botId: 'sales', memberId: 'bob' } }, { id: 'b3', at: day(2) }),
    handoff('h b3', 'b3', day(2)),
  ];
  const annsOfOthers = [sold('c b3', 'b3', day(2)), handoff('h a1', 'a1', day(1))];
  const ann = [...of('ann', 'a1', day(0)), ...of('ann', 'a2', day(1)), ...of('ann', 'a3', day(40))];
  const keys = new Map<number, string[]>();
  // Of what has expired nobody knows the keys any more.
  for (const { kind, eventKey } of ann.slice(6)) keys.set(kind, [...(keys.get(kind) ?? []), eventKey]);
  const { interactionKeys, eventKeys } = packEventKeys(keys);
  const erasure = event(
    {
      case: 'erasure',
      value: {
        receiptId: randomUUID(),
        memberId: 'ann',
        interactionKeys: Uint8Array.from(interactionKeys),
        eventKeys: Uint8Array.from(eventKeys),
        part: 1,
        partCount: 1,
      },
    },
    { id: 'erasure', at: day(50) },
  );
  const before = [...bob, ...others, ...ann, ...annsOfOthers];
  await rows.fold(inOrder(before));
  const window = [day(-1), day(60)] as const;
  const paid = { start: day(-1), end: day(60) };
  expect(await rows.payers(paid)).toBe(1);
  await rows.fold(inOrder([erasure], BigInt(before.length)));
  await rows.fold(inOrder([...bob, ...others]), 2);
  expect(await rows.state(...window)).toEqual(await rows.state(...window, { generation: 2 }));
  expect(await rows.people(...window)).toEqual(await rows.people(...window, { generation: 2 }));
  expect(await rows.payers(paid)).toBe(0);
  for (const [table, count] of [
    ['interaction_facts', 3],
    ['conversion_facts', 2],
    ['feedback_facts', 2],
    ['handoff_facts', 1],
  ]) {
    const { rowCount } = await rows.worker.query(`select from ${table} where generation = 1`);
    expect([table, rowCount]).toEqual([table, count]);
  }
});
