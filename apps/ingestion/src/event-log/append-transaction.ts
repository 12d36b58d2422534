import {
  copyIn,
  encodeUuidArray,
  type CopyTarget,
  type CopyValue,
  type Database,
  type Transaction,
} from '@parley/database';
import { DomainError } from '@parley/errors';
import type { LogEvent } from '@parley/event';
import type { AppendResult, NewEvent } from './event-log.ts';
import type { ReachFailpoint } from './failpoint.ts';
import { RulesChanged } from './storage-rules.ts';
import type { JudgedEvent, Judgement, StorageRules } from './storage-rules.ts';

export interface AppendedGroup {
  /** What became of each event, in the order given. */
  readonly results: readonly AppendResult[];
  /** What is new in each partition that has grown, in the order of the offsets. */
  readonly added: ReadonlyMap<number, readonly LogEvent[]>;
}

/** A key, and where it is or will be kept. */
interface Entry {
  /** The first event of the group that has this key, and where it stands there. */
  readonly first: NewEvent;
  readonly firstIndex: number;
  readonly isStored: boolean;
  offset: bigint;
  /** It was kept before this group came. Without fingerprint: its body is erased. */
  stored: { readonly fingerprint: bigint | null } | undefined;
}

/** Events of one partition, tenant and kind: what one look-up seeks. */
interface Family {
  readonly partition: number;
  readonly tenantId: string;
  readonly kind: number;
  /** Whether what is new of it may be stored. */
  readonly isStored: boolean;
  /** Undefined when no event says when it occurred. */
  earliest: Date | undefined;
  readonly entries: Map<string, Entry>;
}

interface SortedGroup {
  readonly families: readonly Family[];
  /** Of each event of the group, in order. */
  readonly entries: readonly Entry[];
}

/** A row of `claim_offsets`: a head as it now stands, or (with its family, from 1) a key that was there already. */
interface Reserved {
  readonly family: number | null;
  readonly event_key: string;
  readonly partition: number;
  readonly log_offset: bigint;
  readonly fingerprint: bigint | null;
  readonly received_at: Date;
  readonly privacy_version: bigint;
}

const claimOffsets = {
  name: 'claim-offsets',
  text: 'select * from claim_offsets($1, $2, $3, $4, $5, $6, $7, $8)',
};

const eventsTable: CopyTarget = {
  table: 'events',
  columns: [
    ['log_offset', 'int8'],
    ['fingerprint', 'int8'],
    ['occurred_at', 'timestamptz'],
    ['received_at', 'timestamptz'],
    ['tenant_id', 'uuid'],
    ['event_key', 'uuid'],
    ['partition', 'int4'],
    ['kind', 'int2'],
    ['body', 'bytea'],
  ],
};

/** Bodies fetched at a time to compare: each may be as long as a message. */
const BODIES_AT_A_TIME = 32;

export interface AppendOptions {
  readonly noteRefused: StorageRules['noteRefused'];
  readonly reach: ReachFailpoint;
}

/**
 * Writes a group of events, of any partitions and tenants, in one transaction: locks the heads, finds what is there,
 * numbers what is new and may be stored, writes it by COPY. Throws RulesChanged, with nothing written, when the group was
 * judged by other rules than those in force; `unavailable` for whatever is the database's trouble; then the group may or
 * may not have been committed.
 */
export async function appendInTransaction(
  database: Database,
  { judged, versions }: Judgement,
  { noteRefused, reach }: AppendOptions,
): Promise<AppendedGroup> {
  const group = judged.map(({ event }) => event);
  try {
    const appended = await database.transaction(async (tx) => {
      const sorted = sort(judged);
      const reserved = await reserve(tx, sorted.families);
      requireVersions(reserved, versions);
      reach('append:locked');
      const { rows, added } = enter(group, sorted, reserved);
      if (rows.length > 0) await copyIn(tx.client, eventsTable, rows);
      reach('append:copied');
      const results = await answer(tx, judged, sorted.entries);
      const refused = judged.filter((_, index) => results[index]?.outcome === 'refused');
      if (refused.length > 0) await noteRefused(tx, refused);
      for (const [index, { also }] of group.entries()) {
        const result = results[index];
        if (also !== undefined && result?.outcome === 'accepted') await also(tx, result.offset);
      }
      return { results, added };
    });
    reach('append:committed');
    return appended;
  } catch (error) {
    throw asUnavailable(error);
  }
}

/** Whatever trouble the database has, whoever writes to the log may come again. Other errors are returned as they are. */
export function asUnavailable(error: unknown): unknown {
  if (!(error instanceof DomainError) || error.kind === 'unavailable') return error;
  return new DomainError('The log could not be written now.', {
    kind: 'unavailable',
    reason: 'LOG_UNAVAILABLE',
    retryAfterMs: error.retryAfterMs ?? 1_000,
    cause: error,
  });
}

/** Under the lock, so that nothing gets in behind a change. */
function requireVersions(reserved: readonly Reserved[], versions: ReadonlyMap<number, bigint>): void {
  const changed = reserved.filter(
    ({ family, partition, privacy_version }) =>
      family === null && versions.get(partition) !== privacy_version,
  );
  if (changed.length > 0) throw new RulesChanged(changed.map(({ partition }) => partition));
}

function sort(judged: readonly JudgedEvent[]): SortedGroup {
  const families = new Map<string, Family>();
  const entries = judged.map(({ event, refusal }, index) => {
    const { partition, tenantId, kind, eventKey } = event;
    const isStored = refusal === undefined;
    const name = `${partition} ${kind} ${isStored ? 'stored' : 'refused'} ${tenantId}`;
    let family = families.get(name);
    if (family === undefined) {
      family = { partition, tenantId, kind, isStored, earliest: undefined, entries: new Map() };
      families.set(name, family);
    }
    // A clock may have been set right between an event and its repeat, so both of its times count.
    for (const at of [event.occurredAt, event.reportedAt]) {
      if (at !== undefined && (family.earliest === undefined || at < family.earliest)) family.earliest = at;
    }
    let entry = family.entries.get(eventKey);
    if (entry === undefined) {
      entry = { first: event, firstIndex: index, isStored, offset: 0n, stored: undefined };
      family.entries.set(eventKey, entry);
    }
    return entry;
  });
  return { families: [...families.values()], entries };
}

async function reserve(tx: Transaction, families: readonly Family[]): Promise<readonly Reserved[]> {
  const starts: number[] = [];
  const ends: number[] = [];
  const keys: string[] = [];
  for (const { entries } of families) {
    starts.push(keys.length + 1);
    for (const key of entries.keys()) keys.push(key);
    ends.push(keys.length);
  }
  const { rows } = await tx.query<Reserved>(claimOffsets, [
    families.map(({ partition }) => partition),
    families.map(({ tenantId }) => tenantId),
    families.map(({ kind }) => kind),
    families.map(({ earliest }) => earliest?.toISOString() ?? null),
    families.map(({ isStored }) => isStored),
    starts,
    ends,
    encodeUuidArray(keys),
  ]);
  return rows;
}

/** Gives each entry its offset, the new ones in the order of the group, and makes the rows of the new ones. */
function enter(
  group: readonly NewEvent[],
  { families, entries }: SortedGroup,
  reserved: readonly Reserved[],
): { readonly rows: readonly CopyValue[][]; readonly added: ReadonlyMap<number, readonly LogEvent[]> } {
  const newCounts = new Map<number, bigint>();
  const count = (partition: number, n: number): void => {
    newCounts.set(partition, (newCounts.get(partition) ?? 0n) + BigInt(n));
  };
  for (const { partition, isStored, entries: wanted } of families)
    count(partition, isStored ? wanted.size : 0);
  for (const { family, event_key, partition, log_offset, fingerprint } of reserved) {
    if (family === null) continue;
    const entry = families[family - 1]?.entries.get(event_key);
    if (entry === undefined) throw new Error('An event was found that was not sought.');
    entry.offset = log_offset;
    entry.stored = { fingerprint };
    if (entry.isStored) count(partition, -1);
  }

  const added = new Map<number, LogEvent[]>();
  const partitions = new Map<
    number,
    { nextOffset: bigint; readonly receivedAt: Date; readonly events: LogEvent[] }
  >();
  for (const { family, partition, log_offset, received_at } of reserved) {
    if (family !== null) continue;
    const newCount = newCounts.get(partition) ?? 0n;
    const events: LogEvent[] = [];
    partitions.set(partition, {
      nextOffset: log_offset - newCount + 1n,
      receivedAt: received_at,
      events,
    });
    if (newCount > 0n) added.set(partition, events);
  }

  const rows: CopyValue[][] = [];
  for (const [index, event] of group.entries()) {
    const entry = entries[index];
    if (entry === undefined || entry.firstIndex !== index || !entry.isStored || entry.stored !== undefined)
      continue;
    const reservation = partitions.get(event.partition);
    if (reservation === undefined) throw new Error(`There is no partition ${event.partition}.`);
    const { nextOffset: offset, receivedAt, events } = reservation;
    entry.offset = offset;
    reservation.nextOffset = offset + 1n;
    const { partition, tenantId, kind, eventKey, occurredAt = receivedAt, fingerprint, body } = event;
    rows.push([offset, fingerprint, occurredAt, receivedAt, tenantId, eventKey, partition, kind, body]);
    events.push({ offset, tenantId, kind, eventKey, occurredAt, receivedAt, body });
  }
  return { rows, added };
}

async function answer(
  tx: Transaction,
  judged: readonly JudgedEvent[],
  entries: readonly Entry[],
): Promise<readonly AppendResult[]> {
  const disputed: { readonly index: number; readonly event: NewEvent; readonly offset: bigint }[] = [];
  const results = judged.map(({ event, refusal }, index): AppendResult => {
    const entry = entries[index];
    if (entry === undefined) throw new Error('An event has no entry.');
    const { first, firstIndex, stored, offset } = entry;
    if (stored === undefined) {
      if (refusal !== undefined) {
        const { reason, tooOldBefore } = refusal;
        return { outcome: 'refused', reason, tooOldBefore };
      }
      if (index === firstIndex) return { outcome: 'accepted', offset };
      const isSame = event.fingerprint === first.fingerprint || event.sameContentAs(first.body);
      return { outcome: isSame ? 'duplicate' : 'conflict', offset };
    }
    // Of what may not be stored, not even that it differs is kept.
    if (refusal === undefined && stored.fingerprint !== null && stored.fingerprint !== event.fingerprint) {
      disputed.push({ index, event, offset });
    }
    return { outcome: 'duplicate', offset };
  });
  for (let start = 0; start < disputed.length; start += BODIES_AT_A_TIME) {
    const some = disputed.slice(start, start + BODIES_AT_A_TIME);
    const bodies = await storedBodies(tx, some);
    for (const { index, event, offset } of some) {
      const body = bodies.get(bodyName(event.partition, offset));
      if (body !== undefined && !event.sameContentAs(body)) results[index] = { outcome: 'conflict', offset };
    }
  }
  return results;
}

/** The bodies at these places that are not erased. */
async function storedBodies(
  tx: Transaction,
  places: readonly { readonly event: NewEvent; readonly offset: bigint }[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const { rows } = await tx.query<{ partition: number; log_offset: bigint; body: Uint8Array }>(
    `select e.partition, e.log_offset, e.body
       from unnest($1::int[], $2::bigint[]) as k(partition, log_offset)
       join events e on e.partition = k.partition and e.log_offset = k.log_offset and e.log_offset > 0
      where e.body is not null`,
    [places.map(({ event }) => event.partition), places.map(({ offset }) => offset)],
  );
  return new Map(rows.map((row) => [bodyName(row.partition, row.log_offset), row.body]));
}

function bodyName(partition: number, offset: bigint): string {
  return `${partition} ${offset}`;
}
