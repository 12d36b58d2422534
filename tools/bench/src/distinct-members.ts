import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { AnalysisService } from '@parley/contracts/parley/metrics/v1/analysis_service';
import { createTransportTo } from '@parley/rpc';
import { systemNow } from '@parley/runtime';
import type { Pool } from 'pg';
import { RoaringBitmap32 } from 'roaring-wasm';
import { deploy, type Bench, type BenchTenant } from './deployment.ts';
import { latencyDetails, median, summarize, timesOf, type Measurement, type Pair } from './measurement.ts';

const dayMs = 86_400_000;
const historyDays = 90;
const hoursOfMember = 3;

/** A window of the whole history, in whose zone days begin. */
interface Window {
  readonly name: 'utc' | 'zone';
  readonly timeZone: string;
}

/**
 * `query.distinct90d.*`: QueryKpis for the different members of 90 days through the service, against SQL that counts
 * different members from the rows of facts. A million members, each there in three hours of the 90 days. Facts and sets are
 * written as the projection leaves them, since a million members' events take long.
 */
export async function measureDistinctMembers(bench: Bench): Promise<Measurement[]> {
  const memberCount = bench.isQuick ? 5_000 : 1_000_000;
  const deployment = await deploy(bench, ['ingestion', 'metrics']);
  const end = new Date(Math.floor(systemNow().getTime() / dayMs) * dayMs);
  const start = new Date(end.getTime() - historyDays * dayMs);
  const windows: readonly Window[] = [
    { name: 'utc', timeZone: 'UTC' },
    { name: 'zone', timeZone: 'Asia/Kathmandu' },
  ];
  try {
    const [tenant] = await deployment.createTenants(1);
    if (tenant === undefined) throw new RangeError('There is no tenant.');
    await deployment.caughtUp();
    bench.say(`query.distinct90d: writing ${memberCount} members`);
    await writeMembers(deployment.admin, tenant, { memberCount, start, end });
    const transport = createTransportTo({
      baseUrl: deployment.service('metrics').url,
      credential: tenant.key,
    });
    const analyses = createClient(AnalysisService, transport);
    const measurements: Measurement[] = [];
    try {
      for (const { name, timeZone } of windows) {
        // In the zone, days and with them the window begin inside an hour.
        const shift = name === 'utc' ? 0 : -345 * 60_000;
        const [from, to] = [new Date(start.getTime() + shift), new Date(end.getTime() + shift)];
        const ours = async (): Promise<number> => {
          const { rows } = await analyses.queryKpis({
            kpis: ['active_members'],
            window: {
              window: {
                case: 'range',
                value: { start: timestampFromDate(from), end: timestampFromDate(to) },
              },
              timeZone,
            },
          });
          return rows[0]?.values[0]?.value ?? NaN;
        };
        const raw = async (): Promise<number> => {
          const { rows } = await deployment.admin.query<{ members: string }>(
            `select count(distinct member_ordinal) as members from metrics.interaction_facts
              where partition = $1 and tenant_id = $2 and bot_id <> '' and occurred_at >= $3 and occurred_at < $4`,
            [tenant.partition, tenant.tenantId, from, to],
          );
          return Number(rows[0]?.members);
        };
        bench.say(`query.distinct90d.${name}`);
        if ((await ours()) !== (await raw())) throw new Error('The answers differ.');
        const repeats = bench.isQuick ? 2 : 10;
        const pairs: Pair[] = [];
        const all: number[] = [];
        for (let run = 0; run < (bench.isQuick ? 2 : 5); run += 1) {
          const limitBefore = median(await timesOf(2, raw));
          const mine = await timesOf(repeats, ours);
          all.push(...mine);
          pairs.push({ ours: median(mine), limitBefore, limitAfter: median(await timesOf(2, raw)) });
        }
        measurements.push(
          summarize(
            {
              name: `query.distinct90d.${name}.${memberCount}`,
              unit: 'ms',
              better: 'less',
              limit_name: 'SQL count(distinct) over rows of facts',
              details: latencyDetails('query', all),
            },
            pairs,
          ),
        );
      }
      return measurements;
    } finally {
      transport.close();
    }
  } finally {
    await deployment.close();
  }
}

/** Facts of a tenant's members, and the sets of the hours and days in which they were there. */
async function writeMembers(
  admin: Pool,
  { partition, tenantId }: BenchTenant,
  { memberCount, start, end }: { readonly memberCount: number; readonly start: Date; readonly end: Date },
): Promise<void> {
  const { rows } = await admin.query<{ generation: number }>(
    `select generation from metrics.projection_generations where state = 'active'`,
  );
  const scope = [partition, tenantId, rows[0]?.generation];
  await admin.query(
    `insert into metrics.interaction_facts (partition, tenant_id, generation, interaction_key, occurred_at, bot_id,
         group_id, conversation_id, channel, member_ordinal, intent, sentiment, intent_given, sentiment_given,
         has_response, response_time_ms, has_error, completed)
     select $1::integer, $2::uuid, $3::integer, gen_random_uuid(), $4::timestamptz + random() * ($5::timestamptz - $4::timestamptz),
         'bot-' || member % 5, '', '', 'web', member, 'order_status', 2, true, true, true, 800, false, true
       from generate_series(1, $6::integer) member, generate_series(1, $7::integer)`,
    [...scope, start, end, memberCount, hoursOfMember],
  );
  await admin.query(
    `insert into metrics.member_facts (partition, tenant_id, generation, member_ordinal, user_id, occurred_at, event_key)
     select $1::integer, $2::uuid, $3::integer, member, 'user-' || member, $4::timestamptz, gen_random_uuid()
       from generate_series(1, $5::integer) member`,
    [...scope, start, memberCount],
  );
  for (const [level, unit] of [
    [1, 'hour'],
    [2, 'day'],
  ] as const) {
    const { rows: buckets } = await admin.query<{ bucket: Date; members: number[] }>(
      `select date_trunc('${unit}', occurred_at, 'UTC') as bucket, array_agg(distinct member_ordinal) as members
         from metrics.interaction_facts where partition = $1 and tenant_id = $2 and generation = $3 group by 1`,
      scope,
    );
    for (const { bucket, members } of buckets) {
      await admin.query(
        `insert into metrics.member_sets
           (partition, tenant_id, generation, cube, level, bucket_start, bot_id, known_on, members)
         values ($1, $2, $3, 0, $4, $5::timestamptz, '', $5::timestamptz::date, $6)`,
        [...scope, level, bucket, toSet(members)],
      );
    }
  }
  await admin.query('vacuum (analyze)');
}

/** As the projection writes them: portable, with runs where they are the shortest form. */
function toSet(members: readonly number[]): Buffer {
  const bitmap = new RoaringBitmap32(members);
  try {
    bitmap.runOptimize();
    return Buffer.from(bitmap.serialize('portable'));
  } finally {
    bitmap.dispose();
  }
}
