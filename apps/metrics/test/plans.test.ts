import { cutWindow } from '@parley/calendar';
import { openDatabase } from '@parley/database';
import { explanationOf, getFigure } from '@parley/kpi';
import type { Transaction } from '@parley/database';
import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { kpiProjection } from '../src/projection/kpi-projection.ts';
import { botMetricsSql, lastMeasuredSql, measuredByOthersSql } from '../src/storage/bot-metrics.sql.ts';
import { createSource } from '../src/storage/create-source.ts';
import type { FigureSource, SourceOptions } from '../src/storage/figure-source.ts';
import {
  failuresOfBotSql,
  failuresOfBotsSql,
  readFailures,
  readSlowAnswers,
  slowAnswersOfBotSql,
  slowAnswersOfBotsSql,
} from '../src/storage/judged-counts.sql.ts';
import {
  countPeopleRows,
  countSumRows,
  listPeopleRows,
  listSumRows,
} from '../src/storage/figure-rows.sql.ts';
import type { RowCursor } from '../src/storage/figure-rows.sql.ts';
import { anyAttributes } from '../src/storage/kpi-state.sql.ts';
import type { ReadScope } from '../src/storage/kpi-state.sql.ts';
import { createFactSource } from '../src/storage/fact-source.ts';
import { findOrdinalsSql } from '../src/storage/member-ordinals.ts';
import { readMembersOverTime } from '../src/storage/cohort-members.sql.ts';
import { readFunnelPaths } from '../src/storage/funnel-paths.sql.ts';
import { readJourneys } from '../src/storage/journeys.sql.ts';
import { readMemberRevenue } from '../src/storage/member-revenue.sql.ts';
import { inMemberSpace } from '../src/storage/member-set.ts';
import { findMemberSetsSql } from '../src/storage/member-set-store.ts';
import { findPayerSetsSql } from '../src/storage/payer-set-store.ts';
import { knowledgeDaysSql } from '../src/storage/knowledge-days.sql.ts';
import {
  activeSql,
  conversationSumsSql,
  earningsSql,
  latenciesSql,
  payingSql,
  sumsSql,
} from '../src/storage/rollup-source.sql.ts';
import {
  countUsersBefore,
  countUsersOf,
  usersByTimeSql,
  usersOfMembersSql,
} from '../src/storage/user-counts.sql.ts';
import { event, inOrder, tenantA } from './events.ts';
import type { NewEvent } from './events.ts';
import { logger, openMetricsRows, partition } from './metrics-database.ts';

const cluster = await testCluster();

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly Plans?: readonly Plan[];
}
/** One access to a table. */
interface Access {
  readonly table: string;
  readonly by: string;
  readonly rows: number;
}

/** A transaction that notes how each statement reaches its tables. */
function watched(tx: Transaction, accesses: Access[]): Transaction {
  return {
    client: tx.client,
    query: async (statement, parameters) => {
      const text = typeof statement === 'string' ? statement : statement.text;
      // Writes are not run twice.
      if (/^\s*(select|with)/.test(text)) {
        const { rows } = await tx.query<{ 'QUERY PLAN': readonly [{ Plan: Plan }] }>(
          `explain (analyze, format json) ${text}`,
          parameters,
        );
        for (const row of rows) collect(row['QUERY PLAN'][0].Plan, accesses);
      }
      return tx.query(statement, parameters);
    },
  };
}

function collect(plan: Plan, accesses: Access[]): void {
  const table = plan['Relation Name'];
  const rows = Math.round(plan['Actual Rows'] * plan['Actual Loops']);
  if (table !== undefined) accesses.push({ table, by: plan['Index Name'] ?? plan['Node Type'], rows });
  // Below a bitmap scan of the table stands that of the index.
  if (plan['Node Type'] === 'Bitmap Index Scan')
    accesses.push({ table: '', by: plan['Index Name'] ?? '', rows });
  for (const part of plan.Plans ?? []) collect(part, accesses);
}

const days = 60;
const first = Date.parse('2026-01-01T00:00:00Z');
const start = new Date('2026-01-11T07:20:00.123Z');
const end = new Date('2026-02-10T07:50:00.123Z');

function traffic(count: number, run: string): NewEvent[] {
  return Array.from({ length: count }, (_, n) => {
    const told = { id: `${run} ${n}`, at: new Date(first + Math.floor((n / count) * days * 86_400_000)) };
    const interactionId = `${run} ${n - (n % 10)}`;
    if (n % 10 === 8) return event({ case: 'feedback', value: { interactionId, rating: 4 } }, told);
    const value = { currencyCode: 'USD', minorUnits: 2_900n };
    if (n % 100 === 99) {
      return event({ case: 'refund', value: { conversionId: `${run} ${n - 10}`, value } }, told);
    }
    if (n % 10 === 9) return event({ case: 'conversion', value: { interactionId, outcome: 1, value } }, told);
    const said = { botId: `bot-${n % 20}`, groupId: `group-${n % 50}`, memberId: `m${n % 700}` };
    const responseTimeMs = BigInt((n * 37) % 5_000);
    return event({ case: 'interaction', value: { ...said, responseTimeMs } }, told);
  });
}

test(
  'a question of 30 days reads its buckets by index and the facts of its edges, whether the planner knows the tables or not',
  { timeout: 300_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    const log = inOrder(traffic(30_000, 'first'));
    for (let n = 0; n < log.length; n += 5_000) await metrics.fold(log.slice(n, n + 5_000));

    const window = { start, end, cut: cutWindow(start, end) };
    const watch = async (read: (tx: Transaction, scope: ReadScope) => Promise<unknown>, botId: string) => {
      const accesses: Access[] = [];
      await metrics.app.withTenant<unknown>(tenantA, (tx) =>
        read(watched(tx, accesses), {
          ...anyAttributes,
          partition,
          tenantId: tenantA,
          generation: 1,
          botId,
          groupId: '',
        }),
      );
      return accesses;
    };
    const together: SourceOptions = { dimensions: [], asOf: undefined };
    const ask = (
      read: (source: FigureSource, asked: readonly (typeof window)[]) => Promise<unknown>,
      botId: string,
      options: SourceOptions,
    ) => watch((tx, scope) => read(createSource(tx, scope, options), [window]), botId);
    // A bitmap is made by an index, which is noted beside it.
    const indexes = (accesses: readonly Access[]) =>
      [...new Set(accesses.map(({ by }) => by))].filter((by) => by !== 'Bitmap Heap Scan').sort();
    const rowsBy = (accesses: readonly Access[], index: string): number =>
      accesses.filter(({ by }) => by === index).reduce((sum, { rows }) => sum + rows, 0);
    const byBot: SourceOptions = { ...together, dimensions: ['bot'] };
    // Everything was known by then.
    const earlier: SourceOptions = { ...together, asOf: 100_000 };

    for (const isAnalyzed of [false, true]) {
      if (isAnalyzed) await analyze(metrics.adminUrl);
      for (const [botId, options] of [
        ['', together],
        ['bot-3', together],
        ['', byBot],
        ['', earlier],
      ] as const) {
        const bots = options === byBot ? 20 : 1;
        const state = await ask((source, asked) => source.sums(asked), botId, options);
        expect(indexes(state)).toEqual([
          'conversion_facts_by_time',
          'feedback_facts_by_time',
          'interaction_facts_by_time',
          'kpi_rollups_pkey',
        ]);
        const cells = rowsBy(state, 'kpi_rollups_pkey');
        expect(cells).toBeGreaterThanOrEqual(29);
        expect(cells).toBeLessThanOrEqual(100 * bots);
        // A quarter hour of 500 events a day.
        expect(rowsBy(state, 'interaction_facts_by_time')).toBeLessThan(20);

        const members = await ask((source, asked) => source.memberCounts(asked), botId, options);
        expect(indexes(members)).toEqual(['interaction_facts_by_time', 'member_sets_pkey']);
        expect(rowsBy(members, 'member_sets_pkey')).toBeLessThanOrEqual(100 * bots);
        expect(rowsBy(members, 'interaction_facts_by_time')).toBeLessThan(60);

        expect(indexes(await ask((source, asked) => source.latencies(asked), botId, options))).toEqual([
          'interaction_facts_by_time',
          'latency_rollups_pkey',
        ]);
        const revenue = await ask((source, asked) => source.revenue(asked), botId, options);
        expect(indexes(revenue)).toEqual([
          'conversion_facts_by_time',
          'refund_facts_by_time',
          'revenue_rollups_pkey',
        ]);
        expect(rowsBy(revenue, 'revenue_rollups_pkey')).toBeLessThanOrEqual(100 * bots);
        expect(indexes(await ask((source, asked) => source.payers(asked, 'USD'), botId, options))).toEqual([
          'conversion_facts_by_time',
          'payer_sets_pkey',
        ]);
        const awaiting = await ask(
          (source, asked) => source.awaiting(asked, new Date(end.getTime() - 300_000)),
          botId,
          options,
        );
        expect(rowsBy(awaiting, 'interaction_facts_by_time')).toBeLessThan(20);
        expect(indexes(awaiting)).toContain('interaction_facts_by_time');
        if (options === earlier) continue;
        const conversations = await ask((source, asked) => source.conversations(asked), botId, options);
        expect(indexes(conversations)).toEqual(['conversation_facts_by_time', 'conversation_rollups_pkey']);
        // What time changes about one is known on days of its own.
        expect(rowsBy(conversations, 'conversation_rollups_pkey')).toBeLessThanOrEqual(400 * bots);
      }
      for (const botId of ['', 'bot-3']) {
        const failures = await watch((tx, scope) => readFailures(tx, scope, [window]), botId);
        expect(indexes(failures)).toEqual(['interaction_facts_by_time', 'kpi_rollups_pkey']);
        const mostRows = botId === '' ? 2_000 : 100;
        expect(rowsBy(failures, 'kpi_rollups_pkey')).toBeLessThanOrEqual(mostRows);
        const slow = await watch(
          (tx, scope) => readSlowAnswers(tx, scope, [window], new Map([['bot-3', 500]])),
          botId,
        );
        expect(indexes(slow)).toEqual(['interaction_facts_by_time', 'latency_rollups_pkey']);
        expect(rowsBy(slow, 'latency_rollups_pkey')).toBeLessThanOrEqual(mostRows);
      }
    }
  },
);

test(
  'rows behind a figure are found by time or by group, and a page stops when it is full',
  { timeout: 120_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    const log = inOrder(traffic(15_000, 'first'));
    for (let n = 0; n < log.length; n += 5_000) await metrics.fold(log.slice(n, n + 5_000));
    const ask = async (name: string, groupId: string, after: RowCursor | undefined, isCount: boolean) => {
      const explanation = explanationOf(getFigure(name), 'USD');
      const scope = { ...anyAttributes, partition, tenantId: tenantA, generation: 1, botId: '', groupId };
      const accesses: Access[] = [];
      await metrics.app.withTenant<unknown>(
        tenantA,
        (tx) => {
          const seen = watched(tx, accesses);
          const asked = { scope, start, end, currencyCode: 'USD', awaitedSince: start };
          if (explanation.behind === 'rows') {
            const { form } = explanation;
            return isCount
              ? countSumRows(seen, { ...asked, form })
              : listSumRows(seen, { ...asked, form }, after, 50);
          }
          const who = { ...asked, who: 'members', among: undefined } as const;
          return isCount ? countPeopleRows(seen, who) : listPeopleRows(seen, who, after, 50);
        },
        { byIndex: true },
      );
      return accesses;
    };
    const middle = { kind: 'interaction', key: tenantA, at: new Date('2026-01-20T00:00:00Z') } as const;
    const behind = {
      containment_rate: ['interaction_facts'],
      total_conversions: ['conversion_facts'],
      revenue: ['conversion_facts', 'refund_facts'],
      avg_csat: ['feedback_facts'],
      conversations: ['conversation_facts'],
      active_members: ['interaction_facts'],
    };
    for (const isAnalyzed of [false, true]) {
      if (isAnalyzed) await analyze(metrics.adminUrl);
      for (const [name, tables] of Object.entries(behind)) {
        // Of the few refunds any index is as good as another, as long as nothing is known of them.
        const isSure = isAnalyzed || name !== 'revenue';
        for (const [groupId, by] of [
          ['', 'time'],
          ...(isSure ? ([['group-3', 'group']] as const) : []),
        ] as const) {
          for (const isCount of [true, false]) {
            for (const after of isCount ? [undefined] : [undefined, middle]) {
              const accesses = await ask(name, groupId, after, isCount);
              const indexes = [...new Set(accesses.map((access) => access.by))]
                .filter((index) => index !== 'Bitmap Heap Scan' && index !== 'interaction_facts_pkey')
                .sort();
              expect({ name, indexes }).toEqual({
                name,
                indexes: tables.map((table) => `${table}_by_${by}`),
              });
              const rows = accesses.reduce((sum, access) => sum + access.rows, 0);
              // Each of a few rows of an instant, and each interaction of a rating.
              if (!isCount && groupId === '' && name !== 'active_members') expect(rows).toBeLessThan(500);
            }
          }
        }
      }
    }
  },
);

test(
  'a question to facts goes by the index of its group, else by that of time, and to what facts point to by key',
  { timeout: 180_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    const segments = ['free_user'];
    const members = Array.from({ length: 700 }, (_, n) =>
      event(
        { case: 'member', value: { memberId: `m${n}`, segments } },
        { id: `member ${n}`, at: new Date(first) },
      ),
    );
    const log = inOrder([...members, ...traffic(20_000, 'first')]);
    for (let n = 0; n < log.length; n += 5_000) await metrics.fold(log.slice(n, n + 5_000));
    const window = { start, end, cut: cutWindow(start, end) };
    const indexesOf = async (
      filters: Partial<ReadScope>,
      options: SourceOptions,
      ask: (source: FigureSource) => Promise<unknown>,
    ) => {
      const accesses: Access[] = [];
      const scope = {
        ...anyAttributes,
        partition,
        tenantId: tenantA,
        generation: 1,
        botId: '',
        groupId: '',
        ...filters,
      };
      await metrics.app.withTenant<unknown>(
        tenantA,
        (tx) => ask(createFactSource(watched(tx, accesses), scope, options)),
        { byIndex: true },
      );
      const names = accesses.map(({ by }) => by).filter((by) => by !== 'Bitmap Heap Scan');
      // How many facts there are is asked beforehand.
      return [...new Set(names)].filter((by) => by !== 'kpi_rollups_pkey').sort();
    };
    const questions: readonly {
      readonly tables: readonly string[];
      /** What is looked up for the segment, the channel and the intent. */
      readonly segment: readonly string[];
      readonly channel: readonly string[];
      readonly intent: readonly string[];
      readonly ask: (source: FigureSource) => Promise<unknown>;
    }[] = [
      {
        tables: ['interaction_facts', 'conversion_facts', 'feedback_facts'],
        segment: ['interaction_facts_pkey', 'member_facts_pkey'],
        channel: ['interaction_facts_pkey'],
        intent: ['interaction_facts_pkey'],
        ask: (source) => source.sums([window]),
      },
      {
        tables: ['conversion_facts', 'refund_facts'],
        segment: ['conversion_facts_pkey', 'member_facts_pkey'],
        channel: ['conversion_facts_pkey', 'interaction_facts_pkey'],
        intent: [],
        ask: (source) => source.revenue([window]),
      },
      ...[
        (source: FigureSource) => source.latencies([window]),
        (source: FigureSource) => source.awaiting([window], start),
        (source: FigureSource) => source.members([window]),
        (source: FigureSource) => source.memberCounts([window]),
      ].map((ask) => ({
        tables: ['interaction_facts'],
        segment: ['member_facts_pkey'],
        channel: [],
        intent: [],
        ask,
      })),
      {
        tables: ['conversation_facts'],
        segment: ['member_facts_pkey'],
        channel: [],
        intent: [],
        ask: (source) => source.conversations([window]),
      },
      {
        tables: ['conversion_facts'],
        segment: ['member_facts_pkey'],
        channel: ['interaction_facts_pkey'],
        intent: [],
        ask: (source) => source.payers([window], 'USD'),
      },
    ];
    for (const isAnalyzed of [false, true]) {
      if (isAnalyzed) await analyze(metrics.adminUrl);
      for (const { tables, ask, ...linked } of questions) {
        const by = (index: 'time' | 'group', keys: readonly string[] = []) =>
          [...new Set([...tables.map((table) => `${table}_by_${index}`), ...keys])].sort();
        for (const asOf of [undefined, 20_494]) {
          // As of an earlier day it is asked when the interaction and the conversion of a fact came.
          const then =
            asOf === undefined
              ? []
              : tables.flatMap((table) => (pointsTo[table] ?? []).map((to) => `${to}_pkey`));
          const plain = { dimensions: [], asOf };
          expect(await indexesOf({ intent: 'buy' }, plain, ask)).toEqual(
            by('time', [...linked.intent, ...then]),
          );
          expect(await indexesOf({}, { dimensions: ['bot', 'channel'], asOf }, ask)).toEqual(
            by('time', [...linked.channel, ...then]),
          );
        }
        for (const [filters, dimensions] of [
          [{ segment: 'free_user' }, []],
          [{}, ['segment']],
        ] as const) {
          expect(await indexesOf(filters, { dimensions, asOf: undefined }, ask)).toEqual(
            by('time', linked.segment),
          );
        }
        expect(await indexesOf({ groupId: 'group-3' }, { dimensions: [], asOf: undefined }, ask)).toEqual(
          by('group'),
        );
      }
    }
  },
);

/** Whose being known decides what a fact was known to be of. */
const pointsTo: Readonly<Record<string, readonly string[]>> = {
  conversion_facts: ['interaction_facts'],
  feedback_facts: ['interaction_facts'],
  refund_facts: ['conversion_facts', 'interaction_facts'],
};

const facts = ['interaction_facts', 'conversion_facts', 'feedback_facts'];

test(
  'a question is planned a few times on a connection, and then never again',
  { timeout: 60_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    await metrics.fold(inOrder(traffic(3_000, 'first')));
    const window = { start, end, cut: cutWindow(start, end) };
    const scope = { ...anyAttributes, partition, tenantId: tenantA, generation: 1, botId: '', groupId: '' };

    const kept = await metrics.app.withTenant(tenantA, async (tx) => {
      for (let turn = 0; turn < 20; turn += 1) {
        const source = createSource(tx, scope, { dimensions: [], asOf: undefined });
        await source.sums([window]);
        await source.memberCounts([window]);
        await countUsersOf(tx, scope, [new Uint32Array([1, 2, 3])]);
        await countUsersBefore(tx, scope, [end]);
      }
      const { rows } = await tx.query<{ name: string; again: bigint }>(
        'select name, custom_plans as again from pg_prepared_statements order by name',
      );
      return rows;
    });

    const statements = [sumsSql.together, activeSql.together, usersOfMembersSql, usersByTimeSql];
    const names = statements.map(({ name }) => name).sort();
    expect(kept.map(({ name }) => name)).toEqual(names);
    for (const { again } of kept) expect(Number(again)).toBeLessThanOrEqual(5);
  },
);

test.each([0, 20, 200, 2_000])(
  'plans that were made while the tables held %i events go by index when they are full',
  { timeout: 60_000 },
  async (few) => {
    const metrics = await openMetricsRows(cluster);
    await metrics.fold(inOrder(traffic(few, 'few')));
    if (few > 0) await analyze(metrics.adminUrl);
    const instants = (...times: readonly string[]) =>
      `array[${times.map((time) => `'${time}'`).join()}]::timestamptz[]`;
    const [from, to] = [instants('2026-01-11'), instants('2026-02-10')];
    const [edgeFrom, edgeTo] = [instants('2026-02-10'), instants('2026-02-10T00:10:00Z')];
    const several = `${partition}, '${tenantA}', 1, '', array[0], array[2]::smallint[], ${from}, ${to}, array[0], ${edgeFrom}, ${edgeTo}`;
    const known = several.replace("'', ", "'', 100000, ");
    const thresholds = `array['bot-1'], array[380]::smallint[], array[2000], 380::smallint, 2000`;
    const bucket = `array[1], array[2], array['2026-01-11'::timestamptz], array['bot-1'], array['2026-01-11'::date]`;
    const statements = [
      ...[
        { sql: sumsSql, by: ['kpi_rollups_pkey', ...facts.map((name) => `${name}_by_time`)] },
        { sql: conversationSumsSql, by: ['conversation_rollups_pkey', 'conversation_facts_by_time'] },
        { sql: latenciesSql, by: ['latency_rollups_pkey', 'interaction_facts_by_time'] },
        {
          sql: earningsSql,
          by: ['revenue_rollups_pkey', 'conversion_facts_by_time', 'refund_facts_by_time'],
        },
        { sql: activeSql, by: ['member_sets_pkey', 'interaction_facts_by_time'] },
      ].flatMap(({ sql, by }) => [
        { ...sql.together, values: known, by },
        { ...sql.byBot, values: known, by },
      ]),
      ...[payingSql.together, payingSql.byBot].map((sql) => ({
        ...sql,
        values: `${known}, 'USD'`,
        by: ['payer_sets_pkey', 'conversion_facts_by_time'],
      })),
      { ...failuresOfBotsSql, values: several, by: ['kpi_rollups_pkey', 'interaction_facts_by_time'] },
      { ...failuresOfBotSql, values: several, by: ['kpi_rollups_pkey', 'interaction_facts_by_time'] },
      {
        ...slowAnswersOfBotsSql,
        values: `${several}, ${thresholds}`,
        by: ['latency_rollups_pkey', 'interaction_facts_by_time'],
      },
      {
        ...slowAnswersOfBotSql,
        values: `${several}, ${thresholds}`,
        by: ['latency_rollups_pkey', 'interaction_facts_by_time'],
      },
      {
        ...measuredByOthersSql,
        values: `${partition}, '${tenantA}', 1, 'bot-1', array['latency'], '2026-01-11', '2026-02-10'`,
        by: ['bot_metric_facts_by_bot'],
      },
      {
        ...botMetricsSql,
        values:
          `${partition}, '${tenantA}', 1, '2026-01-11', '2026-02-10', '', 'csat', null, null, ` +
          `'2026-02-09', 1, 'bot-1', 'csat', '${tenantA}', 100`,
        by: ['bot_metric_facts_by_time'],
      },
      {
        ...knowledgeDaysSql,
        values: `${partition}, '${tenantA}', 1, 0, array[0], array[2]::smallint[], ${from}, ${to}`,
        by: ['kpi_rollups_pkey', 'conversation_rollups_pkey', 'revenue_rollups_pkey'],
      },
      {
        ...lastMeasuredSql,
        values: `${partition}, '${tenantA}', 1, '2026-02-10'`,
        by: ['kpi_rollups_pkey', 'revenue_rollups_pkey', 'bot_metric_facts_by_time'],
      },
      {
        ...usersOfMembersSql,
        values: `${partition}, '${tenantA}', 1, array[0, 0, 1], array[1, 2, 3]`,
        by: ['member_facts_pkey'],
      },
      {
        ...usersByTimeSql,
        values: `${partition}, '${tenantA}', 1, array[0], ${from}, ${to}`,
        by: ['user_facts_by_time'],
      },
      {
        ...findOrdinalsSql,
        values: `${partition}, array['${tenantA}']::uuid[], array['m1']`,
        by: ['member_ordinals_pkey'],
      },
      {
        ...findMemberSetsSql,
        values: `${partition}, 1, array['${tenantA}']::uuid[], ${bucket}`,
        by: ['member_sets_pkey'],
      },
      {
        ...findPayerSetsSql,
        values: `${partition}, 1, array['${tenantA}']::uuid[], ${bucket}, array['USD']`,
        by: ['payer_sets_pkey'],
      },
    ];
    const seek = async (tx: Transaction) => {
      await tx.query('set local plan_cache_mode = force_generic_plan');
      for (const [index, { text, values }] of statements.entries()) {
        await tx.query(`prepare kept_${index} as ${text}`);
        await tx.query(`execute kept_${index}(${values})`);
      }
      await metrics.fold(inOrder(traffic(5_000, 'many')));
      for (const [index, { name, values, by }] of statements.entries()) {
        const { rows } = await tx.query<{ 'QUERY PLAN': readonly [{ Plan: Plan }] }>(
          `explain (analyze, format json) execute kept_${index}(${values})`,
        );
        const accesses: Access[] = [];
        for (const row of rows) collect(row['QUERY PLAN'][0].Plan, accesses);
        const seen = new Set(accesses.map((access) => access.by));
        // A bitmap is made by an index, which is noted beside it.
        const isSought = (access: string) => access !== '' && access !== 'Bitmap Heap Scan';
        expect({ name, by: [...seen].filter(isSought).sort() }).toEqual({
          name,
          by: by.sort(),
        });
        await tx.query(`deallocate kept_${index}`);
      }
    };
    await metrics.app.withTenant(tenantA, seek, { byIndex: true });
  },
);

test('a batch finds the facts that it touches by their keys', { timeout: 120_000 }, async () => {
  const metrics = await openMetricsRows(cluster);
  const log = inOrder(traffic(15_000, 'first'));
  for (let n = 0; n < log.length; n += 5_000) await metrics.fold(log.slice(n, n + 5_000));

  const accesses: Access[] = [];
  await metrics.worker.transaction(
    (tx) =>
      kpiProjection.fold(
        { tx: watched(tx, accesses), partition, generation: 1 },
        inOrder(traffic(5_000, 'second')),
      ),
    { byIndex: true },
  );
  // Below each of those stands the scan of its index.
  const indexes = accesses.map(({ by }) => by).filter((by) => by !== 'Bitmap Heap Scan');
  expect(new Set(indexes)).toEqual(
    new Set([
      'member_ordinals_pkey',
      'interaction_facts_pkey',
      'conversion_facts_pkey',
      'conversion_facts_by_interaction',
      'feedback_facts_pkey',
      'feedback_facts_by_interaction',
      'refund_facts_pkey',
      'refund_facts_by_conversion',
      'member_sets_pkey',
      'payer_sets_pkey',
      'handoff_facts_by_interaction',
      'conversation_clocks_pkey',
      'conversation_settings_pkey',
      'conversation_facts_pkey',
      'conversation_facts_by_start',
      'conversation_facts_by_last',
    ]),
  );
});

test(
  'what members did over time is read by index, whether the planner knows the tables or not',
  { timeout: 240_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    const log = inOrder(traffic(30_000, 'first'));
    for (let n = 0; n < log.length; n += 5_000) await metrics.fold(log.slice(n, n + 5_000));
    const weeks = [0, 7, 14, 21].map((day) => new Date(start.getTime() + day * 86_400_000));
    const told = { dimension: 'channel', lookbackMs: 10 * 86_400_000 } as const;
    const readers: readonly ((tx: Transaction, scope: ReadScope) => Promise<unknown>)[] = [
      (tx, scope) => inMemberSpace((space) => readMembersOverTime(tx, scope, weeks, space)),
      (tx, scope) => readMemberRevenue(tx, scope, weeks, 'USD'),
      (tx, scope) => readFunnelPaths(tx, scope, { start, end }, 3_600_000),
      (tx, scope) => readJourneys(tx, scope, { start, end }, told),
    ];
    const indexesOf = async (asked: Partial<ReadScope>) => {
      const scope = { ...anyAttributes, partition, tenantId: tenantA, generation: 1, botId: '', groupId: '' };
      const found: (readonly string[])[] = [];
      for (const read of readers) {
        const accesses: Access[] = [];
        await metrics.app.withTenant<unknown>(
          tenantA,
          (tx) => read(watched(tx, accesses), { ...scope, ...asked }),
          { byIndex: true },
        );
        const by = new Set(accesses.map((access) => access.by));
        found.push([...by].filter((name) => name !== 'Bitmap Heap Scan').sort());
      }
      return found;
    };
    for (const isAnalyzed of [false, true]) {
      if (isAnalyzed) await analyze(metrics.adminUrl);
      for (const botId of ['', 'bot-3']) {
        expect(await indexesOf({ botId })).toEqual([
          ['interaction_facts_by_time', 'member_sets_pkey'],
          ['conversion_facts_by_time', 'conversion_facts_pkey', 'refund_facts_by_time'],
          ['conversion_facts_by_time', 'interaction_facts_by_time'],
          [
            'conversion_facts_by_time',
            'interaction_facts_by_time',
            'interaction_facts_pkey',
            'refund_facts_by_conversion',
          ],
        ]);
      }
      expect(await indexesOf({ groupId: 'group-3' })).toEqual([
        ['interaction_facts_by_group'],
        ['conversion_facts_by_group', 'conversion_facts_pkey', 'refund_facts_by_group'],
        ['conversion_facts_by_group', 'interaction_facts_by_group'],
        [
          'conversion_facts_by_group',
          'interaction_facts_by_time',
          'interaction_facts_pkey',
          'refund_facts_by_conversion',
        ],
      ]);
    }
  },
);

async function analyze(adminUrl: string): Promise<void> {
  const admin = await openDatabase({
    url: adminUrl,
    service: 'metrics',
    poolSize: 1,
    applicationName: 'test analyze',
    statementTimeoutMs: 60_000,
    logger,
  });
  await admin.query('analyze');
  await admin.close();
}
