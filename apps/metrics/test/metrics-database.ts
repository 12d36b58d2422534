import { openDatabase } from '@parley/database';
import type { Database, Transaction } from '@parley/database';
import type { LogEvent } from '@parley/event';
import { utc } from '@parley/calendar';
import type { Range, TimeZone } from '@parley/calendar';
import type {
  ConversationSums,
  DistinctCounts,
  FigureInputs,
  KpiState,
  LatencyBins,
  Members,
  Revenue,
} from '@parley/kpi';
import { createLogger } from '@parley/runtime';
import { prepareService } from '@parley/testing';
import type { TestCluster } from '@parley/testing';
import { onTestFinished } from 'vitest';
import { kpiProjection } from '../src/projection/kpi-projection.ts';
import { createFactSource } from '../src/storage/fact-source.ts';
import type { FactSourceOptions } from '../src/storage/fact-source.ts';
import type { Dimension, FigureSource, SourceOptions } from '../src/storage/figure-source.ts';
import { anyAttributes } from '../src/storage/kpi-state.sql.ts';
import type { ReadScope } from '../src/storage/kpi-state.sql.ts';
import { migrations } from '../src/storage/migrations/index.ts';
import { createRollupSource } from '../src/storage/rollup-source.ts';
import { readInputs } from '../src/use-cases/read-figures.ts';
import type { InputCell, Need } from '../src/use-cases/read-figures.ts';
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

/** How it is asked. */
export interface Asked extends Scope {
  readonly dimensions?: readonly Dimension[];
  readonly asOf?: number;
  readonly timeZone?: TimeZone;
  readonly completeTo?: Date;
}

/** The rows of a projection without the runtime: what is folded, and what is read from it. */
export interface MetricsRows {
  readonly adminUrl: string;
  readonly worker: Database;
  readonly app: Database;
  /** Folds as one batch. */
  fold(events: readonly LogEvent[], generation?: number): Promise<void>;
  /** What figures of several windows are computed from. */
  cells(windows: readonly Range[], needs: readonly Need[], asked?: Asked): Promise<readonly InputCell[]>;
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
  members(stretches: readonly Range[], scope?: Scope): Promise<readonly Members[]>;
  /** How many members paid in dollars. */
  payers(stretch: Range, scope?: Scope): Promise<number>;
  /** Asks buckets, or facts, in one snapshot. */
  buckets<T>(scope: Scope, options: SourceOptions, ask: (source: FigureSource) => Promise<T>): Promise<T>;
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
  const cells: MetricsRows['cells'] = (
    windows,
    needs,
    {
      tenantId = tenantA,
      generation = 1,
      botId = '',
      groupId = '',
      dimensions = [],
      asOf,
      timeZone = utc,
      completeTo = new Date('9000-01-01T00:00:00Z'),
      ...filters
    } = {},
  ) =>
    app.withTenant(
      tenantId,
      (tx) => {
        const scope = { ...anyAttributes, ...filters, partition, tenantId, generation, botId, groupId };
        const question = { windows, dimensions, needs: new Set(needs), timeZone, currencyCode: 'USD', asOf };
        return readInputs({ tx, scope, completeTo }, question);
      },
      { byIndex: true },
    );
  const inputs = async (range: Range, needs: readonly Need[], scope?: Scope): Promise<FigureInputs> => {
    const [cell] = await cells([range], needs, scope);
    if (cell === undefined) throw new Error('A window without a cell.');
    return cell.inputs;
  };
  const inTenant = <T>(
    { tenantId = tenantA, generation = 1, botId = '', groupId = '', ...filters }: Scope,
    ask: (tx: Transaction, scope: ReadScope) => Promise<T>,
  ): Promise<T> => {
    const scope = { ...anyAttributes, ...filters, partition, tenantId, generation, botId, groupId };
    return app.withTenant(tenantId, (tx) => ask(tx, scope), { byIndex: true });
  };
  return {
    adminUrl: database.adminUrl,
    worker,
    app,
    fold: (events, generation = 1) =>
      worker.transaction((tx) => kpiProjection.fold({ tx, partition, generation }, events), {
        byIndex: true,
      }),
    cells,
    async conversationSums(start, end, scope) {
      const needs = ['sums', 'conversations', 'awaiting'] as const;
      return (await inputs({ start, end }, needs, scope)).conversations;
    },
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
    state: async (start, end, scope) => (await inputs({ start, end }, ['sums'], scope)).sums,
    people: async (start, end, scope) =>
      (await inputs({ start, end }, ['sums', 'members', 'users'], scope)).people,
    latencies: async (start, end, scope) => (await inputs({ start, end }, ['latencies'], scope)).latencies,
    revenue: async (stretches, scope) =>
      (await cells(stretches, ['revenue'], scope)).map(({ byCurrency }) => byCurrency),
    members: async (stretches, scope) =>
      (await cells(stretches, ['earlier_members'], scope)).map((cell) => cell.inputs.lifecycle.window),
    payers: async (stretch, scope) => (await inputs(stretch, ['payers'], scope)).revenue.payingMemberCount,
    buckets: (scope, options, ask) =>
      inTenant(scope, (tx, full) => ask(createRollupSource(tx, full, options))),
    facts: (scope, options, ask) => inTenant(scope, (tx, full) => ask(createFactSource(tx, full, options))),
  };
}
