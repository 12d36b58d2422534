import { defineEntity, p } from '@mikro-orm/core';
import type { InferEntity } from '@mikro-orm/core';
import type { Scope } from '@parley/access';
import type { FieldViolation } from '@parley/errors';

export const TenantEntity = defineEntity({
  name: 'Tenant',
  tableName: 'tenants',
  properties: {
    partition: p.integer().primary(),
    tenantId: p.uuid().primary(),
    name: p.text(),
    timeZone: p.text(),
    currencyCode: p.text(),
    createdAt: p.datetime(),
    callsPerSecond: p.bigint('number').default(0),
    eventsPerSecond: p.bigint('number').default(0),
    bytesPerSecond: p.bigint('number').default(0),
    streams: p.integer().default(0),
    bots: p.integer().default(0),
    queries: p.integer().default(0),
  },
});
export type TenantRow = InferEntity<typeof TenantEntity>;

export const ApiKeyEntity = defineEntity({
  name: 'ApiKey',
  tableName: 'api_keys',
  properties: {
    partition: p.integer().primary(),
    tenantId: p.uuid().primary(),
    keyId: p.text().primary(),
    displayName: p.text(),
    secretHash: p.blob(),
    scopes: p.array().$type<Scope[]>(),
    createdAt: p.datetime(),
    revokedAt: p.datetime().nullable(),
    lastUsedAt: p.datetime().nullable(),
    expiresAt: p.datetime().nullable(),
  },
});
export type ApiKeyRow = InferEntity<typeof ApiKeyEntity>;

export const QuarantinedEventEntity = defineEntity({
  name: 'QuarantinedEvent',
  tableName: 'quarantined_events',
  properties: {
    partition: p.integer().primary(),
    tenantId: p.uuid().primary(),
    quarantineId: p.uuid().primary(),
    receivedAt: p.datetime(),
    eventId: p.text(),
    kind: p.smallint().nullable(),
    reason: p.text(),
    message: p.text(),
    fieldViolations: p.json().$type<readonly FieldViolation[]>(),
    body: p.blob(),
    contentHash: p.uuid(),
  },
});
export type QuarantinedEventRow = InferEntity<typeof QuarantinedEventEntity>;

export const entities = [TenantEntity, ApiKeyEntity, QuarantinedEventEntity];
