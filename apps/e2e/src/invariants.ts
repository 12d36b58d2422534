import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { createHash } from 'node:crypto';
import { createClient } from '@connectrpc/connect';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { ProjectionService } from '@parley/contracts/parley/projection/v1/projection_service';
import { createTransportTo } from '@parley/rpc';
import { eventKeyName } from './event-key-name.ts';
import { figureFault, figuresOf, type FigureName, type Figures } from './kpi-figures.ts';
import { readLedger } from './ledger.ts';
import { query } from './query.ts';
import type { ServiceProcesses } from './service-processes.ts';

/** What must hold of a tenant whose client kept a ledger. */
export interface Expectation {
  readonly tenant: string;
  readonly ledgerFile: string;
  /** All events were sent until they were answered, so these are the figures of what is stored. */
  readonly figures: Figures;
  readonly start: Date;
  readonly end: Date;
  /** Of the client's last answers. */
  readonly positions: readonly string[];
}

/** Services, wherever they run. */
export type Reachable = Pick<ServiceProcesses, 'databaseUrl' | 'operatorKey' | 'urlOf'>;

/** How long projections may take to catch up, after everything runs again. */
const catchUpMs = 60_000;
const usualVerifyMs = 300_000;

/** What does not hold, each named by its invariant; empty when all is well. */
export async function brokenInvariants(
  processes: ServiceProcesses,
  expectation: Expectation,
): Promise<string[]> {
  return [
    ...(await brokenLedger(processes, expectation)),
    ...(await brokenLog(processes)),
    ...(await brokenFigures(processes, expectation)),
    ...(await brokenProjections(processes)),
  ];
}

/** I1: what was acknowledged is stored. I2: each id once. I9: every event was answered, and none was rejected. */
export async function brokenLedger(
  { databaseUrl }: ServiceProcesses,
  { tenant, ledgerFile }: Expectation,
): Promise<string[]> {
  const rows = await query<{ body: Buffer }>(
    databaseUrl,
    `select e.body from ingestion.events e join ingestion.tenants t using (partition, tenant_id)
      where t.name = $1 order by e.partition, e.log_offset`,
    [tenant],
  );
  const stored = new Map<string, string[]>();
  for (const { body } of rows) {
    const key = eventKeyName(fromBinary(EventSchema, body));
    stored.set(key, [...(stored.get(key) ?? []), hashOf(body)]);
  }
  const broken: string[] = [];
  const ledger = readLedger(ledgerFile);
  for (const { key, hash, answer } of ledger.values()) {
    const found = stored.get(key) ?? [];
    const isAcked = answer === 'accepted' || answer === 'duplicate';
    if (isAcked && found.length === 0) broken.push(`I1: ${key} was acknowledged and is lost`);
    if (found.length > 1) broken.push(`I2: ${key} is there ${found.length} times`);
    if (found.length === 1 && found[0] !== hash) broken.push(`I2: ${key} is there with other content`);
    if (answer === undefined) broken.push(`I9: ${key} was never answered`);
    if (answer === 'rejected') broken.push(`I9: ${key} was rejected`);
  }
  for (const key of stored.keys()) if (!ledger.has(key)) broken.push(`I2: ${key} was never sent`);
  return broken;
}

/** I2 by the database's own count, and I3: offsets from the lowest that is not dropped, 1, to the head, without a gap. */
export async function brokenLog({ databaseUrl }: Pick<Reachable, 'databaseUrl'>): Promise<string[]> {
  const twice = await query<{ event_key: string; n: number }>(
    databaseUrl,
    `select event_key::text, count(*) as n from ingestion.events
      group by partition, tenant_id, kind, event_key having count(*) > 1`,
  );
  const gaps = await query<{ partition: number; head: number; first: number; last: number; n: number }>(
    databaseUrl,
    `select h.partition, h.head_offset as head, min(e.log_offset) as first, max(e.log_offset) as last,
            count(distinct e.log_offset) as n
       from ingestion.partition_heads h left join ingestion.events e using (partition)
      group by h.partition, h.head_offset, h.low_water_offset
     having coalesce(min(e.log_offset), h.low_water_offset + 1) <> h.low_water_offset + 1
         or coalesce(max(e.log_offset), h.low_water_offset) <> h.head_offset
         or count(distinct e.log_offset) <> h.head_offset - h.low_water_offset
         or count(e.log_offset) <> h.head_offset - h.low_water_offset`,
  );
  return [
    ...twice.map(({ event_key: key, n }) => `I2: the key ${key} is in the log ${n} times`),
    ...gaps.map((gap) => `I3: ${JSON.stringify(gap)}`),
  ];
}

/** I4: the KPIs are the truth. */
export async function brokenFigures(
  { urlOf, operatorKey }: Reachable,
  { tenant, positions, start, end, figures }: Omit<Expectation, 'ledgerFile'>,
): Promise<string[]> {
  const metrics = createTransportTo({ baseUrl: urlOf('metrics'), credential: operatorKey, tenant });
  const ingestion = createTransportTo({ baseUrl: urlOf('ingestion'), credential: operatorKey, tenant });
  try {
    const window = {
      window: {
        case: 'range' as const,
        value: { start: timestampFromDate(start), end: timestampFromDate(end) },
      },
    };
    const options = { timeoutMs: catchUpMs };
    const kpis = createClient(MetricsService, metrics);
    const reading = createClient(IngestionService, ingestion);
    for (const minPosition of positions) {
      await kpis.getKpis({ window, minPosition }, options);
      await reading.listInteractions({ minPosition, pageSize: 1 }, options);
    }
    const actual = figuresOf(await kpis.getKpis({ window }));
    return (Object.keys(actual) as FigureName[]).flatMap((name) => {
      const fault = figureFault(figures[name], actual[name]);
      return fault === undefined ? [] : [`I4: ${name} of ${tenant} ${fault}`];
    });
  } finally {
    metrics.close();
    ingestion.close();
  }
}

/** I5: verification finds no difference. I6: no checkpoint is ahead of the log. And nothing is parked. */
export async function brokenProjections(processes: Reachable, verifyMs = usualVerifyMs): Promise<string[]> {
  const broken: string[] = [];
  for (const [service, projection] of [
    ['ingestion', 'ingestion.read-model'],
    ['metrics', 'metrics.kpi'],
  ] as const) {
    const transport = createTransportTo({
      baseUrl: processes.urlOf(service),
      credential: processes.operatorKey,
      defaultTimeoutMs: verifyMs,
    });
    try {
      const client = createClient(ProjectionService, transport);
      let isDone = false;
      for await (const step of client.verifyProjection({ name: projection })) {
        isDone = step.done;
        if (step.done && step.differenceCount > 0n) {
          const example = JSON.stringify(step.differences[0] ?? {}, (_key, value: unknown) =>
            typeof value === 'bigint' ? String(value) : value,
          );
          broken.push(`I5: ${projection} differs in ${step.differenceCount} rows, such as ${example}`);
        }
      }
      if (!isDone) broken.push(`I5: the verification of ${projection} did not end`);
      const { parkedEvents } = await client.listParkedEvents({});
      for (const { partition, logOffset, error } of parkedEvents) {
        broken.push(`${projection} has parked ${partition}/${logOffset}: ${error}`);
      }
    } finally {
      transport.close();
    }
    const ahead = await query<{ partition: number }>(
      processes.databaseUrl,
      `select c.partition from ${service}.projection_checkpoints c
         join ingestion.partition_heads h using (partition) where c.position > h.head_offset`,
    );
    for (const { partition } of ahead) broken.push(`I6: ${projection} is ahead of partition ${partition}`);
  }
  return broken;
}

function hashOf(body: Uint8Array): string {
  // By value: the log may hold other bytes for the same event.
  const bytes = toBinary(EventSchema, fromBinary(EventSchema, body));
  return createHash('sha256').update(bytes).digest('hex');
}
