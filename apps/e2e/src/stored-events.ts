import { equals, fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { eventKeyName } from './event-key-name.ts';
import { query } from './query.ts';
import { numberOf, soakEvent, toEvent } from './soak-traffic.ts';

/** How often each of a bot's events is in the log, by its index. */
export class StoredEvents {
  readonly #times: Uint8Array;

  constructor(length: number) {
    this.#times = new Uint8Array(length);
  }

  get length(): number {
    return this.#times.length;
  }

  add(index: number): void {
    this.#times[index] = (this.#times[index] ?? 0) + 1;
  }

  times(index: number): number {
    return this.#times[index] ?? 0;
  }

  has(index: number): boolean {
    return this.times(index) > 0;
  }
}

const rowsOfRead = 20_000;
const listed = 20;

/**
 * Reads a tenant's events straight from the log, compares each with what its bot must have said, and counts it in `stored`,
 * which holds the tenant's bots. What is strange, in words.
 */
export async function readStoredEvents(
  databaseUrl: string,
  tenant: string,
  stored: ReadonlyMap<number, StoredEvents>,
): Promise<string[]> {
  const faults: string[] = [];
  const [owner] = await query<{ partition: number; tenant_id: string }>(
    databaseUrl,
    'select partition, tenant_id from ingestion.tenants where name = $1',
    [tenant],
  );
  if (!owner) return [`there is no tenant ${tenant}`];
  for (let offset = 0, rows = rowsOfRead; rows === rowsOfRead;) {
    const read = await query<{ log_offset: number; body: Buffer }>(
      databaseUrl,
      `select log_offset, body from ingestion.events
        where partition = $1 and log_offset > $2 and tenant_id = $3 order by log_offset limit ${rowsOfRead}`,
      [owner.partition, offset, owner.tenant_id],
    );
    rows = read.length;
    for (const row of read) {
      offset = row.log_offset;
      const fault = count(row.body, stored);
      if (fault !== undefined && faults.length < listed) faults.push(`${tenant}: ${fault}`);
    }
  }
  return faults;
}

function count(body: Uint8Array, stored: ReadonlyMap<number, StoredEvents>): string | undefined {
  const event = fromBinary(EventSchema, body);
  const { case: kind, value } = event.payload;
  if (kind === undefined || kind === 'enrichment' || kind === 'consent') return `a ${kind} is stored`;
  if (kind === 'erasure' || kind === 'tick') return `a ${kind} is stored`;
  const number = numberOf(kind, kind === 'completion' ? value.interactionId : event.eventId);
  const events = number && stored.get(number.bot);
  if (!events || number.index >= events.length) return `${eventKeyName(event)} was never reported`;
  events.add(number.index);
  // The time of sending is another one with each call.
  delete event.sentAt;
  const told = toEvent(soakEvent(number));
  // Empty where the client left it so: a completion's id is its interaction's.
  if (!equals(EventSchema, event, told)) return `${eventKeyName(event)} is stored with other content`;
  return undefined;
}
