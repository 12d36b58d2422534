import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import type { Tenant } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { printJson, printTable } from '../print.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import type { KeyOptions } from './tenants.ts';

/** Each limit by its option, with what it bounds. */
const limitOptions = {
  events: ['eventsPerSecond', 'events a second'],
  bytes: ['bytesPerSecond', 'bytes of recording calls a second'],
  calls: ['callsPerSecond', 'recording calls a second'],
  streams: ['streams', 'streams open at a time'],
  bots: ['bots', 'different bots'],
  queries: ['queries', 'reading calls at a time'],
} as const;

type LimitOption = keyof typeof limitOptions;
const names = Object.keys(limitOptions) as LimitOption[];

export type SetLimitsOptions = KeyOptions & Partial<Record<LimitOption, string>>;

/** `parley tenants limits show`: what holds, and what of it the operator has set. */
export async function showLimitsCommand(session: Session, { tenant, json }: KeyOptions): Promise<ExitCode> {
  const answer = await session
    .client(TenantService, 'ingestion', tenant)
    .getTenant({}, { signal: session.signal });
  printLimits(session, answer.tenant, json);
  return exitCode.done;
}

/** `parley tenants limits set`: changes those that are named; `default` takes one back. */
export async function setLimitsCommand(
  session: Session,
  { tenant, json, ...options }: SetLimitsOptions,
): Promise<ExitCode> {
  const changed = names.filter((name) => options[name] !== undefined);
  if (changed.length === 0) {
    throw new UsageError(`Say which limit: ${names.map((name) => `--${name}`).join(', ')}.`);
  }
  const values = new Map(changed.map((name) => [name, parseLimit(name, options[name] ?? '')]));
  const client = session.client(TenantService, 'ingestion', tenant);
  const { tenant: before } = await client.getTenant({}, { signal: session.signal });
  const limitFor = (name: LimitOption): bigint =>
    values.get(name) ?? BigInt(before?.limits?.[limitOptions[name][0]] ?? 0);
  const answer = await client.updateTenantLimits(
    {
      limits: {
        eventsPerSecond: limitFor('events'),
        bytesPerSecond: limitFor('bytes'),
        callsPerSecond: limitFor('calls'),
        streams: Number(limitFor('streams')),
        bots: Number(limitFor('bots')),
        queries: Number(limitFor('queries')),
      },
    },
    { signal: session.signal },
  );
  printLimits(session, answer.tenant, json);
  return exitCode.done;
}

function parseLimit(name: LimitOption, text: string): bigint {
  if (text === 'default') return 0n;
  if (!/^[1-9]\d{0,10}$/.test(text)) {
    throw new UsageError(`--${name} is a whole number from 1 on, or default; not ${text}.`);
  }
  return BigInt(text);
}

function printLimits(session: Session, tenant: Tenant | undefined, json: boolean | undefined): void {
  const limits = names.map((name) => {
    const [field, what] = limitOptions[name];
    return {
      name,
      what,
      limit: Number(tenant?.effectiveLimits?.[field] ?? 0),
      isSet: Number(tenant?.limits?.[field] ?? 0) !== 0,
    };
  });
  if (json) {
    printJson(session.stdout, {
      tenant: tenant?.name ?? '',
      limits: Object.fromEntries(limits.map(({ name, limit }) => [name, limit])),
      set: limits.filter(({ isSet }) => isSet).map(({ name }) => name),
    });
    return;
  }
  printTable(
    session.stdout,
    ['limit', 'of', ''],
    limits.map(({ limit, what, isSet }) => [limit.toLocaleString('en-US'), what, isSet ? '' : 'by default']),
  );
}
