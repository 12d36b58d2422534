import { create } from '@bufbuild/protobuf';
import { timestampFromDate, type Timestamp } from '@bufbuild/protobuf/wkt';
import { parseInstantOrDate, parseTimeZone, utc, type TimeZone } from '@parley/calendar';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { KpiWindowSchema, type KpiWindow } from '@parley/contracts/parley/metrics/v1/kpi';
import type { Session } from './session.ts';
import { UsageError } from './usage-error.ts';

export interface WindowOptions {
  readonly from?: string;
  readonly to?: string;
  readonly days?: string;
  readonly timeZone?: string;
  /** The UTC day as at whose end the answer is to be. */
  readonly asOf?: string;
}

/**
 * The window that the options ask for. A date is the start of that day in the zone that is given, else in the tenant's.
 * Without `to` it ends now; without anything it is the service's default.
 */
export async function windowOf(
  session: Session,
  tenantName: string | undefined,
  options: WindowOptions,
): Promise<KpiWindow> {
  const { from, to, days, timeZone = '', asOf = '' } = options;
  if (days !== undefined) {
    if (from !== undefined || to !== undefined)
      throw new UsageError('Give --days, or --from and --to, not both.');
    if (!/^\d{1,6}$/.test(days)) throw new UsageError('--days must be a whole number.');
    return create(KpiWindowSchema, { window: { case: 'days', value: Number(days) }, timeZone, asOf });
  }
  if (from === undefined) {
    if (to !== undefined) throw new UsageError('--to needs --from.');
    return create(KpiWindowSchema, { timeZone, asOf });
  }
  const zone = await zoneOf(session, tenantName, options);
  return create(KpiWindowSchema, {
    window: {
      case: 'range',
      value: {
        start: timestampFromDate(parseInstantOrDate(from, zone, '--from')),
        end: timestampFromDate(to === undefined ? session.now() : parseInstantOrDate(to, zone, '--to')),
      },
    },
    timeZone,
    asOf,
  });
}

/** From when on and until when, each only where it is given; a date is read as `windowOf` reads it. */
export async function boundsOf(
  session: Session,
  tenantName: string | undefined,
  options: Pick<WindowOptions, 'from' | 'to' | 'timeZone'>,
): Promise<{ readonly windowStart?: Timestamp; readonly windowEnd?: Timestamp }> {
  const { from, to } = options;
  const zone = await zoneOf(session, tenantName, options);
  return {
    ...(from !== undefined && { windowStart: timestampFromDate(parseInstantOrDate(from, zone, '--from')) }),
    ...(to !== undefined && { windowEnd: timestampFromDate(parseInstantOrDate(to, zone, '--to')) }),
  };
}

/** The instant that an option says; a date is read as `windowOf` reads it. */
export async function instantOf(
  session: Session,
  tenantName: string | undefined,
  text: string,
  option: string,
): Promise<Date> {
  return parseInstantOrDate(text, await zoneOf(session, tenantName, { from: text }), option);
}

async function zoneOf(
  session: Session,
  tenantName: string | undefined,
  { from, to, timeZone = '' }: WindowOptions,
): Promise<TimeZone> {
  if (timeZone !== '') return parseTimeZone(timeZone, '--time-zone');
  return needsZone(from) || needsZone(to) ? tenantZone(session, tenantName) : utc;
}

function needsZone(text: string | undefined): boolean {
  return text !== undefined && !text.includes(':');
}

async function tenantZone(session: Session, tenantName: string | undefined): Promise<TimeZone> {
  const { tenant } = await session
    .client(TenantService, 'ingestion', tenantName)
    .getTenant({}, { signal: session.signal });
  return parseTimeZone(tenant?.timeZone || 'UTC');
}
