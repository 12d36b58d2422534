import process from 'node:process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { EventOutcome, IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { DataClass, PrivacyService } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { ProjectionService } from '@parley/contracts/parley/projection/v1/projection_service';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { demoTruth, generateHistory, type DemoLine } from '@parley/demo';
import { nobody } from '@parley/event';
import { parseLine } from '@parley/import';
import { createTransportTo } from '@parley/rpc';
import { expect, onTestFinished, test } from 'vitest';
import { brokenFigures, brokenLog, brokenProjections } from '../src/invariants.ts';
import { query } from '../src/query.ts';
import { startServiceProcesses, type ServiceProcesses } from '../src/service-processes.ts';
import { eventually } from '../src/within.ts';

const dayMs = 86_400_000;
const waitMs = 90_000;
const oldDays = 100;
const tenant = 'expiring';
const { ACCEPTED, DUPLICATE, REJECTED } = EventOutcome;

const dayAgo = (days: number) => new Date(Math.floor(Date.now() / dayMs - days) * dayMs);
const dayOf = (days: number) => ({ start: dayAgo(days), end: dayAgo(days - 1) });

/** Every step costs some seconds: `npm run soak:retention` kills at each, the tests where most is at stake. */
const isEverywhere = process.env['PARLEY_EVERY_STEP'] === '1';
const removalSteps = isEverywhere
  ? ['retention:removing', 'retention:removed', 'retention:closed', 'retention:month-sealed']
  : ['retention:removing', 'retention:removed'];
const monthSteps = isEverywhere
  ? ['retention:month-passed', 'retention:month-dropped']
  : ['retention:month-passed'];

async function send(processes: ServiceProcesses, lines: readonly DemoLine[]) {
  const transport = createTransportTo({
    baseUrl: processes.urlOf('ingestion'),
    credential: processes.operatorKey,
    tenant,
  });
  try {
    const client = createClient(IngestionService, transport);
    const fates = new Set<string>();
    let position = '';
    for (let from = 0; from < lines.length; from += 200) {
      const events = lines
        .slice(from, from + 200)
        .map((line) => parseLine(JSON.stringify(line), { defaultCurrency: 'USD' }).event);
      const answer = await client.recordEvents({ events });
      for (const { outcome, reason } of answer.results) fates.add(`${outcome} ${reason}`);
      if (answer.position !== '') ({ position } = answer);
    }
    return { fates, position };
  } finally {
    transport.close();
  }
}

/** Has everything of the log, which metrics has not read yet, be received so many days earlier than it was. */
async function age({ databaseUrl }: ServiceProcesses, days: number): Promise<void> {
  const { start, end } = { start: firstOfMonth(dayAgo(days), 0), end: firstOfMonth(dayAgo(days), 1) };
  const month = `ingestion.${monthOf(start)}`;
  await query(
    databaseUrl,
    `create table if not exists ${month}
       partition of ingestion.events for values from ('${start.toISOString()}') to ('${end.toISOString()}')`,
  );
  await query(databaseUrl, `alter table ${month} owner to ingestion_owner`);
  await query(databaseUrl, `create unique index on ${month} (partition, log_offset) where log_offset > 0`);
  await query(databaseUrl, `create unique index on ${month} (partition, tenant_id, kind, event_key)`);
  await query(databaseUrl, renameTicks);
  for (const [table, column] of [
    ['events', 'received_at'],
    ['partition_heads', 'last_received_at'],
    ['interaction_rows', 'received_at'],
    ['completion_rows', 'received_at'],
    ['conversion_rows', 'received_at'],
    ['refund_rows', 'received_at'],
    ['feedback_rows', 'received_at'],
    ['handoff_rows', 'received_at'],
    ['member_rows', 'record_received_at'],
    ['user_rows', 'record_received_at'],
    ['tenants', 'created_at'],
  ]) {
    await query(
      databaseUrl,
      `update ingestion.${table} set ${column} = ${column} - make_interval(days => ${days})`,
    );
  }
}

/** Ticks have the key of their minute, and it may still be the same one. */
const renameTicks = `update ingestion.events set event_key = gen_random_uuid() where tenant_id = '${nobody}'`;

function firstOfMonth(at: Date, later: number): Date {
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + later, 1));
}

function monthOf(start: Date): string {
  return `events_${start.toISOString().slice(0, 7).replace('-', '_')}`;
}

test(
  'raw events expire once, and no figure changes, whatever is killed at which step',
  { timeout: 900_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'parley-retention-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const processes = await startServiceProcesses(folder);
    onTestFinished(() => processes.stop());
    const { databaseUrl, operatorKey } = processes;
    // Metrics begins once the log is old.
    await processes.kill('metrics');
    const tables = await query<{ name: string }>(
      databaseUrl,
      `select tablename as name from pg_tables where schemaname = 'metrics' and tablename !~ 'migration'`,
    );
    await query(databaseUrl, `truncate ${tables.map(({ name }) => `metrics."${name}"`).join(', ')}`);

    const client = <Service extends typeof PrivacyService | typeof TenantService>(
      service: Service,
      of: { tenant?: string },
    ) => {
      const transport = createTransportTo({
        baseUrl: processes.urlOf('ingestion'),
        credential: operatorKey,
        ...of,
      });
      onTestFinished(() => transport.close());
      return createClient(service, transport);
    };
    await client(TenantService, {}).createTenant({ name: tenant });
    const privacy = client(PrivacyService, { tenant });
    const linesOf = (days: number, seed: number): readonly DemoLine[] => {
      const { start: from, end: to } = dayOf(days);
      return [...generateHistory({ seed, tenant, from, to, conversationsPerDay: 60 })];
    };
    const old = linesOf(oldDays, 1);
    const first = await send(processes, old);
    expect(first.fates).toEqual(new Set([`${ACCEPTED} `]));
    const { brokenModel } = await untilRead(processes, first.position);
    expect(brokenModel).toEqual([]);
    // What was committed in the last five seconds is read from memory.
    await new Promise((resolve) => setTimeout(resolve, 5_500));
    await age(processes, oldDays);
    const recent = linesOf(5, 2);
    let { position } = await send(processes, recent);
    const add = async (line: DemoLine): Promise<void> => {
      lines.push(line);
      const sent = await send(processes, [line]);
      expect(sent.fates).toEqual(new Set([`${ACCEPTED} `]));
      ({ position } = sent);
    };
    processes.start('metrics');
    await processes.ready('metrics');

    const lines = [...old, ...recent];
    const broken = async (): Promise<readonly string[]> => {
      const found: string[] = [];
      for (const window of [dayOf(oldDays), dayOf(5), { start: dayAgo(oldDays), end: dayAgo(4) }]) {
        const figures = demoTruth(lines, window);
        found.push(
          ...(await brokenFigures(processes, { tenant, ...window, figures, positions: [position] })),
        );
      }
      return [...found, ...(await brokenProjections(processes)), ...(await brokenLog(processes))];
    };
    expect(await broken()).toEqual([]);

    const bodies = async (): Promise<number> => {
      const [row] = await query<{ n: number }>(
        databaseUrl,
        `select count(*)::int as n from ingestion.events e join ingestion.tenants t using (partition, tenant_id)
          where t.name = $1 and e.body is not null and e.received_at < now() - interval '31 days'`,
        [tenant],
      );
      return row?.n ?? 0;
    };
    const isConfirmed = async (): Promise<boolean> => {
      const waiting = await query(
        databaseUrl,
        `select from ingestion.raw_seals s
          where exists (select from ingestion.log_readers r where r.confirmed_seal < s.seal_number)`,
      );
      return waiting.length === 0;
    };
    const diesAt = async (step: string): Promise<void> => {
      await processes.kill('ingestion');
      processes.start('ingestion', step);
      await processes.diedAtFailpoint('ingestion');
    };
    const oldLine = old.find(({ type }) => type === 'interaction');
    if (oldLine?.type !== 'interaction') throw new Error('no interaction');
    const asOld = (id: string): DemoLine => ({ ...oldLine, id });

    // A run is begun; nothing is sealed yet, and what is old still comes in and is counted.
    await add(asOld('before the seal'));
    await privacy.updatePrivacySettings({
      settings: { retentions: [{ dataClass: DataClass.RAW, days: 30 }] },
      updateMask: { paths: ['retentions'] },
    });
    const expiring = await bodies();
    expect(expiring).toBeGreaterThan(200);
    await diesAt('retention:opened');
    expect(await query(databaseUrl, 'select from ingestion.raw_seals')).toHaveLength(0);
    processes.start('ingestion', 'retention:sealed');
    await processes.diedAtFailpoint('ingestion');

    // Sealed, and metrics is killed before it can have confirmed that: nothing goes, and what is old is too old at once.
    await processes.kill('metrics');
    expect(await isConfirmed()).toBe(false);
    processes.start('ingestion', removalSteps[0]);
    await processes.ready('ingestion');
    expect((await send(processes, [asOld('after the seal')])).fates).toEqual(
      new Set([`${REJECTED} TOO_OLD`]),
    );
    // Of what is still there a repeat is known.
    expect((await send(processes, old.slice(0, 50))).fates).toEqual(new Set([`${DUPLICATE} `]));
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await bodies()).toBe(expiring);
    if (isEverywhere) {
      // Metrics has something to read, and dies over it; a reader that never confirms holds everything up meanwhile.
      await query(
        databaseUrl,
        `insert into ingestion.log_readers (reader, confirmed_seal) values ('slow', 0)`,
      );
      const more = recent.find(({ type }) => type === 'interaction');
      if (more?.type !== 'interaction') throw new Error('no interaction');
      for (const step of ['projection:read', 'projection:folded', 'projection:written']) {
        await add({ ...more, id: `while sealed, ${step}` });
        processes.start('metrics', step);
        await processes.diedAtFailpoint('metrics');
      }
      expect(await bodies()).toBe(expiring);
      await query(databaseUrl, `delete from ingestion.log_readers where reader = 'slow'`);
      // It waits for a minute, then until the next hour.
      await processes.kill('ingestion');
      processes.start('ingestion', removalSteps[0]);
    }
    processes.start('metrics');
    await processes.diedAtFailpoint('ingestion');
    // It died before the commit: all is there.
    expect(await bodies()).toBe(expiring);
    for (const step of removalSteps.slice(1)) {
      processes.start('ingestion', step);
      await processes.diedAtFailpoint('ingestion');
    }

    // The run that was begun is finished, and counts each event once.
    processes.start('ingestion');
    await processes.ready('ingestion');
    const run = await eventually(waitMs, 'the end of the run', async () => {
      const { runs } = await privacy.listRetentionRuns({});
      return runs[0]?.completedAt && { runs };
    });
    expect(run.runs).toHaveLength(1);
    expect(run.runs[0]?.counts.map(({ rowCount }) => rowCount)).toEqual([BigInt(expiring)]);
    expect(await bodies()).toBe(0);
    expect(await broken()).toEqual([]);

    // The month, in which nothing is left of anybody, is passed over and dropped once.
    const month = monthOf(firstOfMonth(dayAgo(oldDays), 0));
    const isThere = async () =>
      (await query(databaseUrl, 'select from pg_class where relname = $1', [month])).length > 0;
    // What is nobody's is sealed in each partition; the keeper did that when it started, and does not look for an hour.
    await eventually(waitMs, 'the seal of the month', async () => {
      const unsealed = await query(
        databaseUrl,
        `select distinct partition from ingestion.${month}
         except select partition from ingestion.raw_seals where tenant_id = '${nobody}'`,
      );
      return (unsealed.length === 0 && (await isConfirmed())) || undefined;
    });
    for (const step of monthSteps) {
      expect(await isThere()).toBe(true);
      await diesAt(step);
    }
    processes.start('ingestion');
    await processes.ready('ingestion');
    await eventually(waitMs, 'the drop of the month', async () => (await isThere()) === false || undefined);
    expect(await broken()).toEqual([]);
    expect((await send(processes, [asOld('after the month')])).fates).toEqual(
      new Set([`${REJECTED} TOO_OLD`]),
    );
    const { runs } = await privacy.listRetentionRuns({});
    expect(runs).toHaveLength(1);
    expect(await rebuilt(processes)).toEqual([]);
    expect(await broken()).toEqual([]);
  },
);

async function untilRead(processes: ServiceProcesses, minPosition: string) {
  const transport = createTransportTo({
    baseUrl: processes.urlOf('ingestion'),
    credential: processes.operatorKey,
    tenant,
  });
  try {
    await createClient(IngestionService, transport).listInteractions(
      { minPosition, pageSize: 1 },
      { timeoutMs: waitMs },
    );
    return { brokenModel: await brokenLog(processes) };
  } finally {
    transport.close();
  }
}

/** Computes every projection once more and puts it in place; what went wrong. */
async function rebuilt({ urlOf, operatorKey }: ServiceProcesses): Promise<readonly string[]> {
  const broken: string[] = [];
  for (const [service, name] of [
    ['ingestion', 'ingestion.read-model'],
    ['metrics', 'metrics.kpi'],
  ] as const) {
    const transport = createTransportTo({
      baseUrl: urlOf(service),
      credential: operatorKey,
      defaultTimeoutMs: waitMs,
    });
    try {
      let isDone = false;
      const client = createClient(ProjectionService, transport);
      for await (const { done } of client.rebuildProjection({ name })) isDone = done;
      if (!isDone) broken.push(`the rebuild of ${name} did not end`);
    } finally {
      transport.close();
    }
  }
  return broken;
}
