import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { EventOutcome, IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { LanguageService } from '@parley/contracts/parley/ingestion/v1/language_service';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { eventKinds } from '@parley/event';
import { createTransportTo } from '@parley/rpc';
import type { ClientTransport } from '@parley/rpc';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { brokenLog, brokenProjections } from '../src/invariants.ts';
import { query } from '../src/query.ts';
import { startServiceProcesses, type ServiceProcesses } from '../src/service-processes.ts';
import { eventually } from '../src/within.ts';

const certificate = (name: string) =>
  readFileSync(new URL(`../../../libs/platform/rpc/test/certificates/${name}`, import.meta.url), 'utf8');

/** A tenant's own model: it says "corrected" to everything, once it may. */
let allow = (): void => undefined;
const allowed = new Promise<void>((resolve) => (allow = resolve));
const model = createServer(
  { cert: certificate('server.cert.pem'), key: certificate('server.key.pem') },
  (request, response) => {
    void json(request).then(async (body) => {
      const { texts } = body as { readonly texts: readonly { readonly id: string }[] };
      await allowed;
      response.end(
        JSON.stringify({
          results: texts.map(({ id }) => ({ id, intent: 'corrected', intent_confidence: 0.9 })),
        }),
      );
    });
  },
);

let folder: string;
let processes: ServiceProcesses;
const transports: ClientTransport[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-language-'));
  await new Promise<void>((resolve) => model.listen(0, '127.0.0.1', resolve));
  processes = await startServiceProcesses(folder, {
    PARLEY_ENDPOINT_PRIVATE_RANGES: '127.0.0.0/8,::1/128',
    PARLEY_ENDPOINT_CA: certificate('ca.cert.pem'),
  });
}, 120_000);
afterAll(async () => {
  for (const transport of transports) transport.close();
  model.closeAllConnections();
  model.close();
  await processes?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

const at = new Date('2026-03-01T10:00:00Z');
const day = {
  window: {
    case: 'range' as const,
    value: {
      start: timestampFromDate(new Date('2026-03-01T00:00:00Z')),
      end: timestampFromDate(new Date('2026-03-02T00:00:00Z')),
    },
  },
};

async function openTenant(name: string) {
  const open = (baseUrl: string, tenant?: string) => {
    const transport = createTransportTo({
      baseUrl,
      credential: processes.operatorKey,
      ...(tenant !== undefined && { tenant }),
    });
    transports.push(transport);
    return transport;
  };
  await createClient(TenantService, open(processes.urlOf('ingestion'))).createTenant({ name });
  const acting = open(processes.urlOf('ingestion'), name);
  const metrics = createClient(MetricsService, open(processes.urlOf('metrics'), name));
  const ingestion = createClient(IngestionService, acting);
  return {
    ingestion,
    language: createClient(LanguageService, acting),
    /** Interactions that ask for a human by their intent, and all of them, as the KPIs count them. */
    async escalated(minPosition = ''): Promise<{ readonly escalated: number; readonly all: number }> {
      const { operational } = await metrics.getKpis({ window: day, minPosition });
      const { numerator = 0, denominator = 0 } = operational?.containmentRate ?? {};
      return { escalated: denominator - numerator, all: denominator };
    },
    /** Of how many it is read in lists; up to 1,000. */
    async listed(intent: string, minPosition = ''): Promise<number> {
      const { interactions } = await ingestion.listInteractions({ intent, pageSize: 1_000, minPosition });
      return interactions.length;
    },
  };
}

test('what is read counts under its intent, and corrected, it counts there instead, once', async () => {
  const { ingestion, language, escalated, listed } = await openTenant('corrected');
  await language.updateLanguageSettings({
    settings: {
      endpoint: {
        url: `https://localhost:${(model.address() as AddressInfo).port}/`,
        modelVersion: 'mine/1',
        timeoutMs: 10_000,
      },
    },
  });
  const { position } = await ingestion.recordInteraction({
    eventId: 'unread',
    occurredAt: timestampFromDate(at),
    interaction: { botId: 'bot', messageText: 'let me talk to a human' },
  });
  expect(await escalated(position)).toEqual({ escalated: 1, all: 1 });
  expect(await listed('escalate', position)).toBe(1);

  allow();
  await eventually(30_000, 'the corrected intent', async () =>
    (await escalated()).escalated === 0 ? true : undefined,
  );
  expect(await escalated()).toEqual({ escalated: 0, all: 1 });
  await eventually(30_000, 'the corrected intent in lists', async () =>
    (await listed('corrected')) === 1 ? true : undefined,
  );
  expect(await listed('escalate')).toBe(0);
  expect(await brokenProjections(processes)).toEqual([]);
}, 120_000);

test.each(['reading:read', 'reading:written'])(
  'a late reader that is killed at %s leaves nothing unread, and counts nothing twice',
  async (failpoint) => {
    const name = failpoint.replace(':', '-');
    const { ingestion, escalated, listed } = await openTenant(name);
    await processes.kill('ingestion');
    processes.start('ingestion', failpoint);
    await processes.ready('ingestion');
    // Far more text than is read while a call waits.
    const events = Array.from({ length: 120 }, (_, number) => ({
      eventId: `${name}-${number}`,
      occurredAt: timestampFromDate(at),
      payload: {
        case: 'interaction' as const,
        value: { botId: 'bot', messageText: 'i want to talk to a human agent. '.repeat(240) },
      },
    }));
    // It may die before it answers.
    await ingestion.recordEvents({ events }).catch(() => undefined);
    await processes.diedAtFailpoint('ingestion');

    processes.start('ingestion');
    await processes.ready('ingestion');
    const { results, position } = await ingestion.recordEvents({ events });
    expect(results.map(({ outcome }) => outcome)).toEqual(events.map(() => EventOutcome.DUPLICATE));
    await eventually(60_000, 'the reading of all', async () =>
      (await escalated(position)).escalated === events.length ? true : undefined,
    );
    expect(await escalated()).toEqual({ escalated: events.length, all: events.length });
    await eventually(30_000, 'the reading of all in lists', async () =>
      (await listed('escalate')) === events.length ? true : undefined,
    );
    // Each was read on its way in or by one enrichment, some by each.
    const [log] = await query<{ enrichments: number; interactions: number }>(
      processes.databaseUrl,
      `select count(*) filter (where kind = $2) as enrichments,
              count(*) filter (where kind = $3) as interactions
         from ingestion.events e join ingestion.tenants t using (partition, tenant_id) where t.name = $1`,
      [name, eventKinds.enrichment, eventKinds.interaction],
    );
    expect(log?.interactions).toBe(events.length);
    expect(log?.enrichments).toBeGreaterThan(0);
    expect(log?.enrichments).toBeLessThanOrEqual(events.length);
    expect(await brokenLog(processes)).toEqual([]);
    expect(await brokenProjections(processes)).toEqual([]);
  },
  180_000,
);
