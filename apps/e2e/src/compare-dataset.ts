import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { MetricsService, type GetKpisResponse } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { createTransportTo } from '@parley/rpc';
import type { Dataset, IntentRevenue, Slice } from './dataset.ts';
import { figureFault, figuresOf, isClose, type FigureName, type Figures } from './kpi-figures.ts';
import { query } from './query.ts';

export interface Comparison {
  /** What is wrong, in words. */
  readonly faults: readonly string[];
  /** How many figures were looked at. */
  readonly checked: number;
}

export interface Addresses {
  /** Of metrics. */
  readonly url: string;
  readonly operatorKey: string;
  /** Of a user that sees every tenant. */
  readonly databaseUrl: string;
}

/** Compares everything that is known of the traffic with what the services and the read model say. */
export async function compareDataset(dataset: Dataset, addresses: Addresses): Promise<Comparison> {
  const faults: string[] = [];
  let checked = 0;
  const check = (what: string, fault: string | undefined): void => {
    checked += 1;
    if (fault !== undefined) faults.push(`${what} ${fault}`);
  };
  const wholes: GetKpisResponse[] = [];

  for (const tenant of dataset.tenants) {
    const { url, operatorKey } = addresses;
    const transport = createTransportTo({ baseUrl: url, credential: operatorKey, tenant });
    const client = createClient(MetricsService, transport);
    try {
      for (const slice of dataset.slices.filter((each) => each.tenant === tenant)) {
        const response = await client.getKpis(requestOf(slice));
        for (const [name, actual] of entries(figuresOf(response))) {
          check(`${slice.label}: ${name}`, figureFault(slice.figures[name], actual));
        }
        if (slice.label.endsWith(', whole')) wholes.push(response);
      }
    } finally {
      transport.close();
    }
  }

  if (dataset.all) compareAll(dataset.all, wholes, check);

  const expected = byIntent(dataset.intents);
  const actual = byIntent(await revenueByIntent(addresses.databaseUrl, dataset.tenants));
  for (const key of new Set([...expected.keys(), ...actual.keys()])) {
    const { revenue = 0, revenue_events: events = 0 } = expected.get(key) ?? {};
    const found = actual.get(key);
    check(`${key}: revenue`, isClose(found?.revenue ?? 0, revenue) ? undefined : `is ${found?.revenue}`);
    check(
      `${key}: revenue events`,
      (found?.revenue_events ?? 0) === events ? undefined : `are ${found?.revenue_events}`,
    );
  }
  return { faults, checked };
}

type Check = (what: string, fault: string | undefined) => void;

/** Members may be in several tenants, and the share of good ratings is no KPI of the guide: those don't add up. */
const summable: readonly FigureName[] = [
  'total_interactions',
  'containment_rate',
  'resolution_rate',
  'avg_handling_time_ms',
  'total_conversions',
  'completion_rate',
  'bounce_rate',
  'avg_csat',
];

/** The KPIs over all tenants are the sums of their numerators over the sums of their denominators. */
function compareAll(all: Figures, wholes: readonly GetKpisResponse[], check: Check): void {
  for (const name of summable) {
    const values = wholes.map((response) => figuresOf(response)[name]);
    const sum = (part: (value: NonNullable<(typeof values)[number]>) => number) =>
      values.reduce((total, value) => total + (value ? part(value) : Number.NaN), 0);
    const isCount = name.startsWith('total_');
    const value = isCount
      ? sum((each) => each.value)
      : sum((each) => each.numerator) / sum((each) => each.denominator);
    check(`all: ${name}`, isClose(value, all[name] ?? 0) ? undefined : `is ${value} instead of ${all[name]}`);
  }
}

function requestOf({ botId = '', groupId = '', start, end }: Slice) {
  return {
    scope: { botId, groupId },
    window: {
      window: {
        case: 'range' as const,
        value: { start: timestampFromDate(start), end: timestampFromDate(end) },
      },
    },
  };
}

function byIntent(intents: readonly IntentRevenue[]): Map<string, IntentRevenue> {
  return new Map(intents.map((each) => [`${each.tenant} ${each.intent}`, each]));
}

/** The revenue of each tenant by the intent of the interaction that led to it. */
function revenueByIntent(databaseUrl: string, tenants: readonly string[]): Promise<IntentRevenue[]> {
  return query<IntentRevenue>(
    databaseUrl,
    `select t.name as tenant, i.intent, count(distinct i.id)::int as interactions,
            count(*)::int as revenue_events, sum(m.revenue_generated)::float8 as revenue
       from ingestion.monetization_events m
       join ingestion.interactions i on i.tenant_id = m.tenant_id and i.id = m.interaction_id
       join ingestion.tenants t on t.tenant_id = m.tenant_id
      where t.name = any($1) and not m.is_refund
      group by t.name, i.intent`,
    [tenants],
  );
}

function entries<Key extends string, Value>(record: Readonly<Record<Key, Value>>): [Key, Value][] {
  return Object.entries(record) as [Key, Value][];
}
