import type { Tenant } from './caller.ts';

/** What a tenant may use. All but `bots` hold in each process. */
export interface TenantLimits {
  /** Recording calls, averaged over ten seconds. */
  readonly callsPerSecond: number;
  /** Events, averaged over ten seconds. */
  readonly eventsPerSecond: number;
  /** Bytes of recording calls, averaged over ten seconds. */
  readonly bytesPerSecond: number;
  /** Streams that are open at a time. */
  readonly streams: number;
  /** Different bots, ever. */
  readonly bots: number;
  /** Calls that read, at a time. */
  readonly queries: number;
}

/** What holds where the operator has set nothing else, with the reason of each. */
export const defaultTenantLimits: TenantLimits = {
  // 170 million calls a day: more than one process answers.
  callsPerSecond: 2_000,
  // Four billion a day; about what one process writes.
  eventsPerSecond: 50_000,
  // A kilobyte an event.
  bytesPerSecond: 50_000_000,
  // A stream for each of 60 processes of a back end, and some exports.
  streams: 64,
  // One who takes conversations for bots is stopped before there is a row of figures for each.
  bots: 1_000,
  // Fewer than the connections by which a service answers tenants, so that nobody holds all of them.
  queries: 8,
};

/** A limit of a tenant: its own, or the default. */
export function limitOf({ limits }: Pick<Tenant, 'limits'>, name: keyof TenantLimits): number {
  return limits?.[name] ?? defaultTenantLimits[name];
}
