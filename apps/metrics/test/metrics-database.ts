import { openDatabase } from '@parley/database';
import type { Database } from '@parley/database';
import type { LogEvent } from '@parley/event';
import { cutWindow } from '@parley/calendar';
import type { Range } from '@parley/calendar';
import type { ConversationSums, DistinctCounts, KpiState, LatencyBins, Revenue } from '@parley/kpi';
import { createLogger } from '@parley/runtime';
import { prepareService } from '@parley/testing';
import type { TestCluster } from '@parley/testing';
import { onTestFinished } from 'vitest';
import { kpiProjection } from '../src/projection/kpi-projection.ts';
import { readDistinctCounts } from '../src/storage/active-people.sql.ts';
import { countAwaiting, readConversationState } from '../src/storage/conversation-state.sql.ts';
import type { CutWindow } from '../src/storage/cut-parameters.ts';
import { createFactSource } from '../src/storage/fact-source.ts';
import type { FactSourceOptions } from '../src/storage/fact-source.ts';
import type { FigureSource } from '../src/storage/figure-source.ts';
import { anyAttributes, readKpiState } from '../src/storage/kpi-state.sql.ts';
import { readLatencyBins } from '../src/storage/latency-bins.sql.ts';
import { readMembers, readPayers } from '../src/storage/members.sql.ts';
import { readRevenue } from '../src/storage/revenue.sql.ts';
import { migrations } from '../src/storage/migrations/index.ts';
import { tenantA } from './events.ts';

export const prepareMetrics = prepareService({ service: 'metrics', migrations });
export const logger = createLogger({ service: 'metrics-test', level: 'error' });

export interface Scope {
  readonly tenantId?: string;
  readonly generation?: number;
  readonly botId?: string;
  readonly groupId?: string;
  readonly intent?: string;
  readonly channel?: string;
  readonly sentiment?: string;
  readonly segment?: string;
}

/** The rows of a projection without the runtime: what is folded, and what is read from it. */
export interface MetricsRows {
  readonly adminUrl: string;
  readonly worker: Database;
  readonly app: Database;
  /** Folds as one batch. */
  fold(events: readonly LogEvent[], generation?: number): Promise<void>;
  state(start: Date, end: Date, scope?: Scope): Promise<KpiState>;
  conversationSums(start: Date, end: Date, scope?: Scope): Promise<ConversationSums>;
  /** Rows that generation 1 or 2 of a tenant has and the other has not, of those that are compared. */
  differences(tenantId: string): Promise<readonly object[]>;
  /** Time begins anew, for tenants whose events are not later than those of others. */
  forgetTime(): Promise<void>;
  people(start: Date, end: Date, scope?: Scope): Promise<DistinctCounts>;
  latencies(start: Date, end: Date, scope?: Scope): Promise<LatencyBins>;
  /** Of each stretch of time. */
  revenue(stretches: readonly Range[], scope?: Scope): Promise<readonly Revenue[]>;
  /** Of each stretch of time. */
  members(stretches: readonly Range[], scope?: Scope): Promise<readonly Uint32Array[]>;
  payers(stretch: Range, currencyCode: string, scope?: Scope): Promise<Uint32Array>;
  /** Asks facts in one snapshot. */
  facts<T>(scope: Scope, options: FactSourceOptions, ask: (source: FigureSource) => Promise<T>): Promise<T>;
}

/** Where the tests' tenants are. */
export const partition = 3;

/** A migrated database of its own, closed when the test ends. */
export async function openMetricsRows(cluster: TestCluster): Promise<MetricsRows> {
  const database = await cluster.database('metrics', prepareMetrics);
  const open = (role: string): Promise<Database> =>
    openDatabase({
      url: database.urlFor(role),
      service: 'metrics',
      poolSize: 10,
      applicationName: `test ${role}`,
      statementTimeoutMs: 20_000,
      logger,
    });
  const worker = await open('metrics_worker');
  const app = await open('metrics_app');
  onTestFinished(async () => {
    await worker.close();
    await app.close();
  });
  const read = <T>(
    { tenantId = tenantA, generation = 1, botId = '', groupId = '', ...filters }: Scope,
    answer: (
      scope: Required<Scope> & { partition: number },
      tx: Parameters<typeof readKpiState>[0],
    ) => Promise<T>,
  ): Promise<T> =>
    app.withTenant(
      tenantId,
      (tx) => answer({ ...anyAttributes, ...filters, partition, tenantId, generation, botId, groupId }, tx),
      {
        byIndex: true,
      },
    );
  return {
    adminUrl: database.adminUrl,
    worker,
    app,
    fold: (events, generation = 1) =>
      worker.transaction((tx) => kpiProjection.fold({ tx, partition, generation }, events), {
        byIndex: true,
      }),
    conversationSums: (start, end, scope = {}) =>
      read(scope, async (full, tx) => {
        const window = { start, end, cut: cutWindow(start, end) };
        return {
          conversations: await readConversationState(tx, full, window),
          interactions: await readKpiState(tx, full, window),
          awaitingCount: await countAwaiting(tx, full, window, new Date('9000-01-01T00:00:00Z')),
          gapMs: undefined,
        };
      }),
    async differences(tenantId) {
      const found: object[] = [];
      for (const { name, where = 'true' } of kpiProjection.tables) {
        const rowsOf = (generation: number) =>
          `select to_jsonb(t) - 'generation' from ${name} t
            where partition = ${partition} and coalesce(to_jsonb(t) ->> 'tenant_id', '${tenantId}') = '${tenantId}'
              and generation = ${generation} and ${where}`;
        const { rows } = await worker.query(
          `(${rowsOf(1)} except all ${rowsOf(2)}) union all (${rowsOf(2)} except all ${rowsOf(1)})`,
        );
        found.push(...rows);
      }
      return found;
    },
    forgetTime: async () => {
      await worker.query('delete from conversation_clocks');
    },
    state: (start, end, scope = {}) =>
      read(scope, (full, tx) => readKpiState(tx, full, { start, end, cut: cutWindow(start, end) })),
    people: (start, end, scope = {}) =>
      read(scope, (full, tx) => readDistinctCounts(tx, full, { start, end, cut: cutWindow(start, end) })),
    latencies: (start, end, scope = {}) =>
      read(scope, (full, tx) => readLatencyBins(tx, full, { start, end, cut: cutWindow(start, end) })),
    revenue: (stretches, scope = {}) =>
      read(scope, (full, tx) => readRevenue(tx, full, stretches.map(toWindow))),
    members: (stretches, scope = {}) =>
      read(scope, (full, tx) => readMembers(tx, full, stretches.map(toWindow))),
    payers: (stretch, currencyCode, scope = {}) =>
      read(scope, (full, tx) => readPayers(tx, full, toWindow(stretch), currencyCode)),
    facts: (scope, options, ask) => read(scope, (full, tx) => ask(createFactSource(tx, full, options))),
  };
}

function toWindow({ start, end }: Range): CutWindow {
  return { start, end, cut: cutWindow(start, end) };
}
