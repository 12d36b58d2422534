import { hash } from 'node:crypto';
import type { Tenant } from '@parley/access';
import type { Database } from '@parley/database';
import { DomainError } from '@parley/errors';
import type { FieldViolation } from '@parley/errors';
import { eventKinds, findEventKind, isUuid } from '@parley/event';
import type { EventKindNumber } from '@parley/event';
import { QuarantinedEventEntity } from './entities.ts';
import type { QuarantinedEventRow } from './entities.ts';

/** What came and could not be accepted. */
export interface NewQuarantinedEvent {
  readonly eventId: string;
  readonly kind: EventKindNumber | undefined;
  readonly reason: string;
  readonly message: string;
  readonly violations: readonly FieldViolation[];
  readonly body: Uint8Array;
}

/** The same as it is kept. */
export interface QuarantinedEvent extends NewQuarantinedEvent {
  readonly quarantineId: string;
  readonly receivedAt: Date;
}

export interface QuarantinePage {
  readonly reason: string | undefined;
  readonly after: { readonly receivedAt: Date; readonly quarantineId: string } | undefined;
  readonly limit: number;
}

/** What could not be accepted, by tenant. */
export interface QuarantineStore {
  /**
   * Keeps events and returns the id of each, in their order. The same bytes refused for the same reason again keep
   * their first id.
   */
  keep(tenant: Tenant, events: readonly NewQuarantinedEvent[], at: Date): Promise<readonly string[]>;
  /** The latest first, from after one; without their bodies. */
  list(tenant: Tenant, page: QuarantinePage): Promise<readonly QuarantinedEvent[]>;
  /** @throws DomainError `not-found` (QUARANTINED_EVENT_NOT_FOUND) when the tenant has none of that id. */
  get(tenant: Tenant, quarantineId: string): Promise<QuarantinedEvent>;
  /** Removes it for good; repeating it changes nothing. */
  remove(tenant: Tenant, quarantineId: string): Promise<void>;
}

/** Longer bodies are cut; no message that the edge lets in holds a longer event. */
const maxBodyBytes = 1_048_576;
const maxIdLength = 200;
const maxMessageLength = 2000;

export function createQuarantineStore({
  app,
  newId,
}: {
  readonly app: Database;
  /** Makes a UUIDv7. */
  readonly newId: () => string;
}): QuarantineStore {
  return {
    async keep(tenant, events, at) {
      if (events.length === 0) return [];
      const hashes = events.map(({ body }) => contentHash(body));
      const rows = new Map<string, object>();
      events.forEach(({ eventId, kind, reason, message, violations, body }, index) => {
        const contentHash = hashes[index] ?? '';
        rows.set(`${reason} ${contentHash}`, {
          quarantine_id: newId(),
          event_id: eventId.slice(0, maxIdLength),
          kind: kind ?? null,
          reason,
          message: message.slice(0, maxMessageLength),
          field_violations: violations,
          body: Buffer.from(body.subarray(0, maxBodyBytes)).toString('hex'),
          content_hash: contentHash,
        });
      });
      const result = await app.withTenant(tenant.tenantId, (tx) =>
        tx.query<{ quarantine_id: string; reason: string; content_hash: string }>(
          `insert into quarantined_events (partition, tenant_id, quarantine_id, received_at, event_id, kind, reason, message,
                                           field_violations, body, content_hash)
           select $1, $2, r.quarantine_id, $3, r.event_id, r.kind, r.reason, r.message,
                  r.field_violations, decode(r.body, 'hex'), r.content_hash
             from jsonb_to_recordset($4) as r (quarantine_id uuid, event_id text, kind smallint, reason text, message text,
                                               field_violations jsonb, body text, content_hash uuid)
            order by r.content_hash
           on conflict (partition, tenant_id, reason, content_hash) do update set received_at = excluded.received_at
           returning quarantine_id, reason, content_hash`,
          [tenant.partition, tenant.tenantId, at, storable([...rows.values()])],
        ),
      );
      const ids = new Map(
        result.rows.map((row) => [`${row.reason} ${row.content_hash}`, row.quarantine_id] as const),
      );
      return events.map(({ reason }, index) => {
        const id = ids.get(`${reason} ${hashes[index]}`);
        if (id === undefined) throw new Error('An event was put into quarantine without an id.');
        return id;
      });
    },

    async list({ partition, tenantId }, { reason, after, limit }) {
      // By index quarantined_events_by_time.
      const { rows } = await app.withTenant(tenantId, (tx) =>
        tx.query<ListedRow>(
          `select quarantine_id, received_at, event_id, kind, reason, message, field_violations
             from quarantined_events
            where partition = $1 and tenant_id = $2 and ($3::text is null or reason = $3)
              and ($4::timestamptz is null or (received_at, quarantine_id) < ($4, $5::uuid))
            order by received_at desc, quarantine_id desc
            limit $6`,
          [partition, tenantId, reason, after?.receivedAt, after?.quarantineId, limit],
        ),
      );
      return rows.map((row) => ({
        quarantineId: row.quarantine_id,
        receivedAt: row.received_at,
        eventId: row.event_id,
        kind: kindOf(row.kind),
        reason: row.reason,
        message: row.message,
        violations: row.field_violations,
        body: new Uint8Array(),
      }));
    },

    get: ({ partition, tenantId }, quarantineId) =>
      app.entities(tenantId, async (em) => {
        const row = isUuid(quarantineId)
          ? await em.findOne(QuarantinedEventEntity, { partition, tenantId, quarantineId })
          : null;
        if (row === null) {
          throw new DomainError(`There is nothing in quarantine under ${JSON.stringify(quarantineId)}.`, {
            kind: 'not-found',
            reason: 'QUARANTINED_EVENT_NOT_FOUND',
            facts: { quarantine_id: quarantineId },
          });
        }
        return toQuarantinedEvent(row);
      }),

    remove: ({ partition, tenantId }, quarantineId) =>
      app.entities(tenantId, async (em) => {
        if (isUuid(quarantineId)) {
          await em.nativeDelete(QuarantinedEventEntity, { partition, tenantId, quarantineId });
        }
      }),
  };
}

function contentHash(body: Uint8Array): string {
  const hex = hash('sha256', body, 'hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}

/** As JSON text that Postgres can store: an id or a path may hold NUL, or half a character, and is told without it. */
function storable(rows: readonly object[]): string {
  return JSON.stringify(rows, (_name, value: unknown) =>
    typeof value === 'string' ? value.replaceAll('\0', '\uFFFD').toWellFormed() : value,
  );
}

interface ListedRow {
  readonly quarantine_id: string;
  readonly received_at: Date;
  readonly event_id: string;
  readonly kind: number | null;
  readonly reason: string;
  readonly message: string;
  readonly field_violations: readonly FieldViolation[];
}

function toQuarantinedEvent(row: QuarantinedEventRow): QuarantinedEvent {
  const { quarantineId, receivedAt, eventId, kind, reason, message, fieldViolations, body } = row;
  return {
    quarantineId,
    receivedAt,
    eventId,
    kind: kindOf(kind),
    reason,
    message,
    violations: fieldViolations,
    body,
  };
}

function kindOf(number: number | null | undefined): EventKindNumber | undefined {
  const name = findEventKind(number ?? 0);
  return name && eventKinds[name];
}
