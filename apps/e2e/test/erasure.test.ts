import process from 'node:process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { EventOutcome, IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { PrivacyService } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { demoTruth, generateHistory, type DemoLine } from '@parley/demo';
import { parseLine } from '@parley/import';
import { createTransportTo } from '@parley/rpc';
import { expect, onTestFinished, test } from 'vitest';
import { brokenFigures, brokenLog, brokenProjections, type Reachable } from '../src/invariants.ts';
import { plantMember, type PlantedMember } from '../src/planted-member.ts';
import { query } from '../src/query.ts';
import { startServiceProcesses } from '../src/service-processes.ts';
import { startStandalone } from '../src/standalone-process.ts';
import { filesHolding, tablesHolding } from '../src/traces.ts';
import { eventually } from '../src/within.ts';

const start = new Date('2026-03-08T00:00:00Z');
const end = new Date('2026-03-09T00:00:00Z');
const completeMs = 90_000;
const atOnce = 200;
const { ACCEPTED, DUPLICATE, REJECTED } = EventOutcome;

/** A day of a tenant with one member who is to go. */
function dayOf(tenant: string): PlantedMember {
  const lines = [...generateHistory({ seed: 5, tenant, from: start, to: end, conversationsPerDay: 80 })];
  return plantMember(lines, randomUUID());
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-erasure-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** What a stranger with the operator's key does for a tenant. */
function clientsOf({ urlOf, operatorKey }: Reachable, tenant: string) {
  const transport = createTransportTo({ baseUrl: urlOf('ingestion'), credential: operatorKey, tenant });
  onTestFinished(() => transport.close());
  const ingestion = createClient(IngestionService, transport);
  return {
    ingestion,
    privacy: createClient(PrivacyService, transport),
    /** Sends lines; the outcome of each, and the last position. */
    async send(lines: readonly DemoLine[]) {
      const outcomes: { readonly outcome: EventOutcome; readonly reason: string }[] = [];
      let position = '';
      for (let from = 0; from < lines.length; from += atOnce) {
        const events = lines
          .slice(from, from + atOnce)
          .map((line) => parseLine(JSON.stringify(line), { defaultCurrency: 'USD' }).event);
        const answer = await ingestion.recordEvents({ events });
        outcomes.push(...answer.results);
        if (answer.position !== '') ({ position } = answer);
      }
      return { outcomes, position };
    },
  };
}

async function createTenant({ urlOf, operatorKey }: Reachable, name: string): Promise<void> {
  const transport = createTransportTo({ baseUrl: urlOf('ingestion'), credential: operatorKey });
  await createClient(TenantService, transport)
    .createTenant({ name })
    .finally(() => transport.close());
}

/** What of an erased tenant does not hold. */
async function brokenWithout(
  services: Reachable,
  tenant: string,
  { lines, own, traces }: PlantedMember,
  position: string,
): Promise<readonly string[]> {
  const figures = demoTruth(
    lines.filter((line) => !own.has(line)),
    { start, end },
  );
  await query(services.databaseUrl, 'analyze');
  return [
    ...(await tablesHolding(services.databaseUrl, traces)).map((table) => `${table} holds a trace`),
    ...(await brokenFigures(services, { tenant, start, end, figures, positions: [position] })),
    ...(await brokenProjections(services)),
    ...(await brokenLog(services)),
  ];
}

/** Each kill takes until leases have run out: `npm run soak:erasure` kills everywhere, the tests where it hurts most. */
const isEverywhere = process.env['PARLEY_EVERY_STEP'] === '1';
const ingestionSteps = isEverywhere
  ? [
      'erasure:named',
      'erasure:blocked',
      'erasure:referred',
      'erasure:announcing',
      'erasure:announced',
      'erasure:emptying',
      'erasure:emptied',
      'erasure:completed',
    ]
  : ['erasure:blocked', 'erasure:announced', 'erasure:emptying'];
const metricsSteps = isEverywhere
  ? ['projection:read', 'projection:folded', 'projection:written']
  : ['projection:folded'];

test(
  'an erasure that is killed at its steps, in each service, completes, and leaves nothing but the others’ figures',
  { timeout: 600_000 },
  async () => {
    const folder = await temporaryFolder();
    const processes = await startServiceProcesses(folder);
    onTestFinished(() => processes.stop());
    const tenant = 'killed';
    const day = dayOf(tenant);
    await createTenant(processes, tenant);
    const { privacy, send } = clientsOf(processes, tenant);
    const half = Math.floor(day.lines.length / 2);
    const before = await send(day.lines.slice(0, half));
    expect(new Set(before.outcomes.map(({ outcome }) => outcome))).toEqual(new Set([ACCEPTED]));
    const known = demoTruth(day.lines.slice(0, half), { start, end });
    expect(
      await brokenFigures(processes, { tenant, start, end, figures: known, positions: [before.position] }),
    ).toEqual([]);
    expect(await brokenProjections(processes)).toEqual([]);
    expect(await tablesHolding(processes.databaseUrl, day.traces)).toContain('metrics.member_ordinals');

    const memberId = day.traces[0] ?? '';
    const isStage = async (stage: string) =>
      (await query(processes.databaseUrl, 'select from ingestion.erasures where stage = $1', [stage]))
        .length > 0;
    let receiptId = '';
    for (const [index, step] of ingestionSteps.entries()) {
      await processes.kill('ingestion');
      processes.start('ingestion', step);
      if (index === 0) {
        await processes.ready('ingestion');
        receiptId = (await privacy.eraseMember({ memberId })).receipt?.receiptId ?? '';
      }
      // So that it comes to the erasure only where it is killed.
      if (step === 'erasure:announced') await processes.kill('metrics');
      if (step === 'erasure:emptying') {
        await eventually(
          completeMs,
          'the wait for metrics',
          async () => (await isStage('announced')) || undefined,
        );
        for (const step of metricsSteps) {
          processes.start('metrics', step);
          await processes.diedAtFailpoint('metrics');
        }
        processes.start('metrics');
      }
      await processes.diedAtFailpoint('ingestion');
    }
    processes.start('ingestion');
    await processes.ready('ingestion');
    await processes.ready('metrics');

    const receipt = await eventually(completeMs, 'completion', async () => {
      const { receipt: latest } = await privacy.getErasure({ receiptId });
      return latest?.completedAt && latest;
    });
    expect(receipt.erased.map(({ service }) => service)).toEqual(
      expect.arrayContaining(['ingestion', 'metrics']),
    );
    for (const { rowCountAfter } of receipt.erased) expect(rowCountAfter).toBe(0n);

    // What was still on its way.
    const after = await send(day.lines.slice(half));
    const fates = new Map<string, Set<string>>();
    for (const [index, { outcome, reason }] of after.outcomes.entries()) {
      const line = day.lines[half + index];
      const whose = line !== undefined && day.own.has(line) ? 'own' : 'others’';
      fates.set(whose, (fates.get(whose) ?? new Set()).add(`${outcome} ${reason}`));
    }
    expect(fates).toEqual(
      new Map([
        ['own', new Set([`${REJECTED} MEMBER_ERASED`])],
        ['others’', new Set([`${ACCEPTED} `])],
      ]),
    );
    const again = await send(day.lines.slice(0, half));
    expect(new Set(again.outcomes.map(({ outcome }) => outcome))).toEqual(new Set([DUPLICATE]));
    expect(await brokenWithout(processes, tenant, day, after.position)).toEqual([]);
  },
);

test(
  'in one process, amid live traffic and verifications, the CLI erases a member: no table, figure or file holds it any more',
  { timeout: 600_000 },
  async () => {
    const dataDir = await temporaryFolder();
    const parley = await startStandalone({ dataDir });
    onTestFinished(() => parley.stop());
    const services: Reachable = { ...parley, urlOf: () => parley.url };
    const tenant = 'live';
    const day = dayOf(tenant);
    await createTenant(services, tenant);
    await createTenant(services, 'other');
    const memberId = day.traces[0] ?? '';
    const { send, privacy, ingestion } = clientsOf(services, tenant);
    const other = clientsOf(services, 'other');
    // Of another tenant, a member with the same id.
    const line = day.lines.find((own) => own.type === 'interaction' && day.own.has(own));
    if (line?.type !== 'interaction') throw new Error('no interaction');
    await other.send([{ ...line, message_text: 'theirs', response_text: 'theirs' }]);

    let isLive = true;
    const pace = (async () => {
      let position = '';
      const refused = new Set<string>();
      for (let from = 0; from < day.lines.length; from += 20) {
        const sent = day.lines.slice(from, from + 20);
        const answer = await send(sent);
        if (answer.position !== '') ({ position } = answer);
        for (const [index, { outcome, reason }] of answer.outcomes.entries()) {
          const each = sent[index];
          if (outcome === REJECTED) refused.add(`${each !== undefined && day.own.has(each)} ${reason}`);
        }
      }
      return { position, refused };
    })();
    const verifying = (async () => {
      const broken: string[] = [];
      while (isLive) broken.push(...(await brokenProjections(services)));
      return broken;
    })();
    await eventually(60_000, 'the member', async () => {
      const { interactions } = await ingestion.listInteractions({ memberId, pageSize: 1 });
      return interactions.length > 0 || undefined;
    });

    const { stdout, code } = await parley.cli([
      'erase',
      ...['--tenant', tenant, '--member', memberId, '--wait', '--json'],
    ]);
    expect(code).toBe(0);
    const receipt = JSON.parse(stdout) as { receipt_id: string; erased: { row_count_after: number }[] };
    expect(receipt).toMatchObject({
      receipt_id: expect.any(String),
      requested_at: expect.any(String),
      completed_at: expect.any(String),
      pending_services: [],
    });
    expect(receipt.erased.length).toBeGreaterThan(5);
    for (const { row_count_after: left } of receipt.erased) expect(left).toBe(0);
    const { position, refused } = await pace;
    isLive = false;
    expect(await verifying).toEqual([]);
    expect([...refused].filter((each) => each !== 'true MEMBER_ERASED')).toEqual([]);

    // That of the other tenant is untouched; then it goes too, so that what is left can be searched.
    expect((await other.ingestion.listInteractions({ memberId })).interactions).toHaveLength(1);
    await other.privacy.eraseMember({ memberId });
    await eventually(completeMs, 'the other erasure', async () => {
      const { receipt: theirs } = await other.privacy.eraseMember({ memberId });
      return theirs?.completedAt;
    });

    expect(await brokenWithout(services, tenant, day, position)).toEqual([]);
    for (const projection of ['ingestion.read-model', 'metrics.kpi']) {
      expect((await parley.cli(['rebuild', projection])).code).toBe(0);
    }
    expect(await brokenWithout(services, tenant, day, position)).toEqual([]);
    expect((await privacy.eraseMember({ memberId })).receipt?.receiptId).toBe(receipt.receipt_id);
    const doctor = await parley.cli(['doctor', '--tenant', tenant, '--json']);
    const exported = await parley.cli(['export', '--tenant', tenant, '--kind', 'interactions']);
    const member = await parley.cli(['export-member', '--tenant', tenant, '--member', memberId]);
    for (const trace of day.traces) {
      for (const printed of [doctor.stdout, exported.stdout, member.stdout])
        expect(printed).not.toContain(trace);
    }
    expect(exported.stdout).toContain('interaction');

    // Postgres keeps old versions of rows until their pages are written anew, and its log until it is recycled.
    await query(parley.databaseUrl, 'vacuum full');
    await query(parley.databaseUrl, 'checkpoint');
    expect(await filesHolding(dataDir, day.traces, (name) => name === 'pg_wal')).toEqual([]);
  },
);
