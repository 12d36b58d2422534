import type { Caller, CredentialResolver, Tenant } from '@parley/access';
import { EventLogService } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { DomainError } from '@parley/errors';
import { sleep } from '@parley/runtime';
import { batchMessageBytes, tenantOf, type AccessPolicy, type Routes } from '../src/index.ts';

export const shop: Tenant = { tenantId: 't-1', name: 'shop', partition: 3, timeZone: 'UTC', currency: 'USD' };

/** Whose the credentials of these tests are. */
export const callers: Readonly<Record<string, Caller>> = {
  'key-ingest': { kind: 'tenant', tenant: shop, keyId: 'k-1', scopes: ['ingest'] },
  'key-read': { kind: 'tenant', tenant: shop, keyId: 'k-2', scopes: ['read'] },
  'key-admin': { kind: 'tenant', tenant: shop, keyId: 'k-3', scopes: ['admin'] },
  'key-other': {
    kind: 'tenant',
    tenant: { ...shop, tenantId: 't-2', name: 'other' },
    keyId: 'k-4',
    scopes: ['ingest'],
  },
  operator: { kind: 'operator' },
  service: { kind: 'service', name: 'metrics' },
};

export const resolver: CredentialResolver = {
  async resolve(credential, tenantName) {
    if (credential === 'unavailable') {
      throw new DomainError('down', { kind: 'unavailable', reason: 'DOWN', retryAfterMs: 1000 });
    }
    if (tenantName !== undefined) {
      return credential === 'operator' ? { kind: 'operator', tenant: shop } : undefined;
    }
    return callers[credential];
  },
};

export const access: AccessPolicy = {
  [IngestionService.typeName]: { callers: ['tenant', 'operator'], scopes: ['ingest'], tenant: 'required' },
  [`${IngestionService.typeName}/RecordEvents`]: {
    callers: ['tenant', 'operator'],
    scopes: ['ingest'],
    tenant: 'required',
    maxMessageBytes: batchMessageBytes,
  },
  [EventLogService.typeName]: { callers: ['service'], tenant: 'none' },
};

/** The partitions whose tails have ended, so that what they held would be free. */
export const endedTails = new Set<number>();

function keepLoopBusy(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/**
 * What these tests' handlers do depends on the bot or the partition that a request names, so that one server serves
 * them all.
 */
export const routes: Routes = (router) => {
  router.service(IngestionService, {
    async recordInteraction(request, context) {
      const botId = request.interaction?.botId;
      if (botId === 'deaf') await sleep(2000);
      if (botId === 'busy') keepLoopBusy(300);
      if (botId === 'fault') throw new Error('a text that must stay inside');
      if (botId === 'full') {
        throw new DomainError('The queue is full.', {
          kind: 'resource-exhausted',
          reason: 'QUEUE_FULL',
          facts: { queue: 'append' },
          retryAfterMs: 1500,
        });
      }
      if (botId === 'listening') await sleep(60_000, context.signal);
      return { eventId: `${tenantOf(context).name}:${request.eventId}` };
    },
    recordEvents: (request) => ({ results: request.events.map(() => ({})) }),
  });
  router.service(EventLogService, {
    async *tail(request, { signal }) {
      try {
        for (let i = 0n; ; i++) {
          // Partition 1 says one thing and then nothing, 2 is deaf, 3 says more than anybody can read.
          const body = new Uint8Array(request.partition === 3 ? 100_000 : 10);
          yield { headOffset: i, events: [{ logOffset: i, body }] };
          if (request.partition === 1) await sleep(60_000, signal);
          if (request.partition === 2) await sleep(60_000);
          if (request.partition === 4) throw new Error('a text that must stay inside');
        }
      } finally {
        endedTails.add(request.partition);
      }
    },
  });
};
