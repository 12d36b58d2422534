import { mkdtemp, rm } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { createClient, type Client } from '@connectrpc/connect';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { createTransportTo } from '@parley/rpc';
import { systemNow } from '@parley/runtime';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import type { Pool } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { encodeBatches, sendBatches } from './batches.ts';
import { deploy, type Bench, type BenchTenant, type Deployment } from './deployment.ts';
import { latencyDetails, median, summarize, timesOf, type Measurement, type Pair } from './measurement.ts';
import { toTable } from './table.ts';
import { chunk, generateTraffic } from './traffic.ts';
import { openWireClient } from './wire-client.ts';

const dayMs = 86_400_000;
const historyDays = 90;
const windowDays = 30;

/** A window of 30 days in the middle of the history, cut by the days of a time zone. */
interface Window {
  readonly name: 'utc' | 'zone';
  readonly timeZone: string;
  readonly start: Date;
  readonly end: Date;
}

/** Counts that an answer by any way must share. */
interface Figures {
  readonly interactions: number;
  readonly escalated: number;
  readonly conversions: number;
  readonly members: number;
}

/**
 * `query.kpi30d.*`: GetKpis, all dashboards over 30 of 90 days, through the service, against SQL that counts the
 * same from the rows of facts by their index by time, and against DuckDB on the same rows; for a tenant with 60 % of the
 * events and one with 2 %. All must give the same figures.
 */
export async function measureQueries(bench: Bench): Promise<Measurement[]> {
  const deployment = await deploy(bench, ['ingestion', 'metrics']);
  const sizes = bench.isQuick ? [2_000, 6_000] : [100_000, 1_000_000];
  const copies = bench.isQuick ? 3 : 10;
  const tenants = await deployment.createTenants(8);
  const today = new Date(Math.floor(systemNow().getTime() / dayMs) * dayMs);
  const windows: readonly Window[] = [
    { name: 'utc', timeZone: 'UTC', ...windowFrom(today, 0) },
    // Days of Kathmandu, at +05:45, begin inside an hour of UTC.
    { name: 'zone', timeZone: 'Asia/Kathmandu', ...windowFrom(today, -345 * 60_000) },
  ];
  try {
    const measurements: Measurement[] = [];
    const times = new Map<string, number[]>();
    let loaded = 0;
    for (const size of [...sizes, (sizes.at(-1) ?? 0) * copies]) {
      bench.say(`query.kpi30d: loading ${size} events`);
      if (sizes.includes(size)) {
        await fill(deployment, tenants, { from: today, count: size - loaded, seed: 2_000 + loaded });
      } else {
        await multiplyFacts(deployment.admin, copies);
      }
      loaded = size;
      await deployment.admin.query('vacuum (analyze)');
      const duck = await openDuckDb(deployment.admin);
      try {
        for (const [label, tenant] of [
          ['large', tenants[0]],
          ['small', tenants[1]],
        ] as const) {
          if (tenant === undefined) throw new RangeError('There is no tenant.');
          for (const window of windows) {
            bench.say(`query.kpi30d.${window.name}, ${label} tenant, ${size} events`);
            const measured = await measureQuery(bench, deployment, duck.connection, {
              tenant,
              window,
              label,
              size,
            });
            measurements.push(...measured.measurements);
            // The whole takes long: what is known is said at once.
            bench.say(toTable(measured.measurements));
            const name = `${window.name}.${label}`;
            times.set(name, [...(times.get(name) ?? []), measured.milliseconds]);
          }
        }
      } finally {
        await duck.close();
      }
    }
    for (const [name, [few = NaN, ...more]] of times) {
      const many = more.at(-1) ?? NaN;
      measurements.push(
        summarize(
          {
            name: `query.kpi30d.${name}.growth`,
            unit: `ms at ${loaded} events`,
            better: 'less',
            limit_name: `the same at ${sizes[0] ?? 0} events`,
          },
          [{ ours: many, limitBefore: few, limitAfter: few }],
        ),
      );
    }
    return measurements;
  } finally {
    await deployment.close();
  }
}

function windowFrom(today: Date, shiftMs: number): { readonly start: Date; readonly end: Date } {
  const end = new Date(today.getTime() - 20 * dayMs + shiftMs);
  return { start: new Date(end.getTime() - windowDays * dayMs), end };
}

/** Sends events of the last 90 days: 60 % of them the first tenant's, 2 % the second's. */
async function fill(
  deployment: Deployment,
  tenants: readonly BenchTenant[],
  { from, count, seed }: { readonly from: Date; readonly count: number; readonly seed: number },
): Promise<void> {
  const client = openWireClient(deployment.service('ingestion').url);
  const rest = tenants.slice(2);
  const [large, small] = tenants;
  if (large === undefined || small === undefined) throw new RangeError('There are too few tenants.');
  try {
    const sizes = chunk(Array.from({ length: count }), 50_000).map((part) => part.length);
    for (const [index, size] of sizes.entries()) {
      const traffic = generateTraffic({
        seed: seed + index,
        count: size,
        from: new Date(from.getTime() - historyDays * dayMs),
        to: from,
      });
      const ofLarge = Math.round(size * 0.6);
      const ofSmall = ofLarge + Math.round(size * 0.02);
      const batches = [
        ...encodeBatches([large], traffic.slice(0, ofLarge)),
        ...encodeBatches([small], traffic.slice(ofLarge, ofSmall)),
        ...encodeBatches(rest, traffic.slice(ofSmall)),
      ];
      await sendBatches(client, 4, batches);
      await deployment.caughtUp();
    }
  } finally {
    client.close();
  }
}

/**
 * Makes each interaction, conversion and rating so many, under keys of their own, and the sums of the buckets as many times
 * as large: what the same events so many times would have left, in minutes instead of hours. Who was there is the same.
 */
async function multiplyFacts(admin: Pool, times: number): Promise<void> {
  const columnsOf = async (table: string, type: string): Promise<readonly string[]> => {
    const { rows } = await admin.query<{ name: string }>(
      `select column_name as name from information_schema.columns
        where table_schema = 'metrics' and table_name = $1 and data_type like $2 order by ordinal_position`,
      [table, type],
    );
    return rows.map(({ name }) => name);
  };
  for (const [table, key] of [
    ['interaction_facts', 'interaction_key'],
    ['conversion_facts', 'conversion_key'],
    ['feedback_facts', 'feedback_key'],
  ] as const) {
    const columns = await columnsOf(table, '%');
    await admin.query(
      `insert into metrics.${table} (${columns.join(', ')})
       select ${columns.map((column) => (column === key ? 'gen_random_uuid()' : column)).join(', ')}
         from metrics.${table}, generate_series(2, $1)`,
      [times],
    );
  }
  for (const table of ['kpi_rollups', 'conversation_rollups']) {
    const sums = await columnsOf(table, 'bigint');
    await admin.query(
      `update metrics.${table} set ${sums.map((column) => `${column} = ${column} * $1`).join(', ')}`,
      [times],
    );
  }
}

async function measureQuery(
  bench: Bench,
  deployment: Deployment,
  duck: DuckDBConnection,
  question: {
    readonly tenant: BenchTenant;
    readonly window: Window;
    readonly label: 'large' | 'small';
    readonly size: number;
  },
): Promise<{ readonly measurements: readonly Measurement[]; readonly milliseconds: number }> {
  const { tenant, window, label, size } = question;
  const transport = createTransportTo({ baseUrl: deployment.service('metrics').url, credential: tenant.key });
  const metrics = createClient(MetricsService, transport);
  const sql = rawSql(tenant, window);
  const runs = bench.isQuick ? 2 : 7;
  const ours = (): Promise<Figures> => askService(metrics, window);
  const raw = async (): Promise<Figures> => toFigures((await deployment.admin.query(sql.postgres)).rows[0]);
  const inDuckDb = async (): Promise<Figures> =>
    toFigures((await duck.runAndReadAll(sql.duckdb)).getRowObjects()[0]);
  try {
    const figures = JSON.stringify(await ours());
    for (const other of [await raw(), await inDuckDb()]) {
      if (JSON.stringify(other) !== figures) {
        throw new Error(`The answers differ: ${figures} and ${JSON.stringify(other)}.`);
      }
    }
    const repeats = bench.isQuick ? 2 : 20;
    await timesOf(repeats, ours);
    const rawPairs: Pair[] = [];
    const duckPairs: Pair[] = [];
    const all: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      const rawBefore = median(await timesOf(2, raw));
      const duckBefore = median(await timesOf(2, inDuckDb));
      const mine = await timesOf(repeats, ours);
      const rawAfter = median(await timesOf(2, raw));
      const duckAfter = median(await timesOf(2, inDuckDb));
      all.push(...mine);
      rawPairs.push({ ours: median(mine), limitBefore: rawBefore, limitAfter: rawAfter });
      duckPairs.push({ ours: median(mine), limitBefore: duckBefore, limitAfter: duckAfter });
    }
    // What a call costs that asks no database: the floor under every figure here.
    const floor = median(await timesOf(repeats, () => metrics.listKpiDefinitions({})));
    const details = { ...latencyDetails('query', all), call_without_database_p50_ms: floor };
    const name = `${window.name}.${label}.${size}`;
    return {
      measurements: [
        summarize(
          {
            name: `query.kpi30d.${name}`,
            unit: 'ms',
            better: 'less',
            limit_name: 'SQL over rows of facts',
            details,
          },
          rawPairs,
        ),
        summarize(
          {
            name: `query.kpi30d.vs_duckdb.${name}`,
            unit: 'ms',
            better: 'less',
            limit_name: 'DuckDB, 2 threads',
          },
          duckPairs,
        ),
      ],
      milliseconds: median(all),
    };
  } finally {
    transport.close();
  }
}

async function askService(metrics: Client<typeof MetricsService>, window: Window): Promise<Figures> {
  const { operational, engagement } = await metrics.getKpis({
    window: {
      window: {
        case: 'range',
        value: { start: timestampFromDate(window.start), end: timestampFromDate(window.end) },
      },
      timeZone: window.timeZone,
    },
  });
  const contained = operational?.containmentRate;
  return {
    interactions: engagement?.totalInteractions?.value ?? NaN,
    escalated: (contained?.denominator ?? NaN) - (contained?.numerator ?? NaN),
    conversions: operational?.totalConversions?.value ?? NaN,
    members: engagement?.activeMembers?.value ?? NaN,
  };
}

/** The sums behind the dashboards, from rows, in the words of both databases. */
function rawSql(
  { partition, tenantId }: BenchTenant,
  { start, end }: Window,
): { readonly postgres: string; readonly duckdb: string } {
  const time = `occurred_at >= '${start.toISOString()}' and occurred_at < '${end.toISOString()}'`;
  const statement = (schema: string, scope: string) => `
    select i.*, c.*, f.*
      from (select count(*) as interactions,
                   count(case when intent = 'escalate' then 1 end) as escalated,
                   count(case when intent in ('abandoned', 'fallback') then 1 end) as incomplete,
                   count(case when not has_response then 1 end) as without_response,
                   count(case when response_time_ms > 0 then 1 end) as response_times,
                   sum(response_time_ms) as response_time_sum,
                   count(case when has_error then 1 end) as errors,
                   count(case when sentiment = 1 then 1 end) as positive,
                   count(case when sentiment = 2 then 1 end) as neutral,
                   count(case when sentiment = 3 then 1 end) as negative,
                   count(distinct member_ordinal) as members
              from ${schema}interaction_facts where ${scope} and ${time}) i,
           (select count(*) as conversions,
                   count(case when outcome in (1, 4) then 1 end) as converted
              from ${schema}conversion_facts where ${scope} and ${time}) c,
           (select count(case when rating_micros <> 0 then 1 end) as ratings,
                   sum(rating_micros) as rating_sum
              from ${schema}feedback_facts where ${scope} and type = 1 and ${time}) f`;
  return {
    postgres: statement(
      'metrics.',
      `partition = ${partition} and tenant_id = '${tenantId}' and bot_id <> ''
         and generation = (select max(generation) from metrics.interaction_facts where partition = ${partition})`,
    ),
    duckdb: statement('', `tenant_id = '${tenantId}'`),
  };
}

function toFigures(row: Readonly<Record<string, unknown>> | undefined): Figures {
  return {
    interactions: Number(row?.['interactions']),
    escalated: Number(row?.['escalated']),
    conversions: Number(row?.['conversions']),
    members: Number(row?.['members']),
  };
}

/** DuckDB with the rows of facts, sorted by tenant and time. */
async function openDuckDb(
  admin: Pool,
): Promise<{ readonly connection: DuckDBConnection; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-bench-'));
  const instance = await DuckDBInstance.create(join(folder, 'facts.duckdb'), { threads: '2' });
  const connection = await instance.connect();
  for (const table of ['interaction_facts', 'conversion_facts', 'feedback_facts']) {
    const csv = join(folder, `${table}.csv`);
    const client = await admin.connect();
    try {
      const rows = client.query(copyTo(`copy metrics.${table} to stdout (format csv, header)`));
      await pipeline(rows, createWriteStream(csv));
    } finally {
      client.release();
    }
    await connection.run(
      `create table ${table} as select * from read_csv('${csv}') order by tenant_id, occurred_at`,
    );
  }
  await connection.run("set timezone = 'UTC'");
  return {
    connection,
    close: async () => {
      connection.closeSync();
      instance.closeSync();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
