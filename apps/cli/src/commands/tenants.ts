import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { parseInstantOrDate, utc } from '@parley/calendar';
import { Scope } from '@parley/contracts/parley/ingestion/v1/access_service';
import {
  TenantService,
  type ApiKey,
  type Tenant,
} from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { printJson, printTable } from '../print.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';

export interface JsonOption {
  readonly json?: boolean;
}

export interface CreateTenantOptions extends JsonOption {
  readonly timeZone?: string;
  readonly currency?: string;
}

/** `parley tenants create NAME`: the key is printed once and can't be had again. */
export async function createTenantCommand(
  session: Session,
  name: string,
  { timeZone = '', currency = '', json }: CreateTenantOptions,
): Promise<ExitCode> {
  const { tenant, key } = await session
    .client(TenantService, 'ingestion')
    .createTenant({ name, timeZone, currencyCode: currency }, { signal: session.signal });
  if (json)
    printJson(session.stdout, { tenant: tenant?.name ?? name, key, ...(tenant && tenantJson(tenant)) });
  else session.stdout.write(`${name} has been created. Its key, shown this once:\n${key}\n`);
  return exitCode.done;
}

export async function listTenantsCommand(session: Session, { json }: JsonOption): Promise<ExitCode> {
  const client = session.client(TenantService, 'ingestion');
  const tenants: Tenant[] = [];
  for (let pageToken = ''; ;) {
    const page = await client.listTenants({ pageToken }, { signal: session.signal });
    tenants.push(...page.tenants);
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  if (json) {
    printJson(session.stdout, {
      tenants: tenants.map((tenant) => ({ tenant: tenant.name, ...tenantJson(tenant) })),
    });
  } else {
    printTable(
      session.stdout,
      ['tenant', 'time zone', 'currency', 'partition', 'created'],
      tenants.map((tenant) => [
        tenant.name,
        tenant.timeZone,
        tenant.currencyCode,
        String(tenant.partition),
        tenantJson(tenant).created_at ?? '',
      ]),
    );
  }
  return exitCode.done;
}

function tenantJson(tenant: Tenant) {
  return {
    tenant_id: tenant.tenantId,
    time_zone: tenant.timeZone,
    currency: tenant.currencyCode,
    partition: tenant.partition,
    created_at: tenant.createdAt ? timestampDate(tenant.createdAt).toISOString() : null,
  };
}

const scopesByName: Readonly<Record<string, Scope>> = {
  ingest: Scope.INGEST,
  read: Scope.READ,
  experiment: Scope.EXPERIMENT,
  admin: Scope.ADMIN,
};

const scopeNames = new Map<number, string>(
  Object.entries(scopesByName).map(([name, scope]) => [scope, name]),
);

export interface KeyOptions extends JsonOption {
  readonly tenant?: string;
}

export interface CreateKeyOptions extends KeyOptions {
  readonly name?: string;
  readonly scopes: string;
  readonly expires?: string;
}

/** `parley keys create`: the key is printed once and can't be had again. */
export async function createKeyCommand(session: Session, options: CreateKeyOptions): Promise<ExitCode> {
  const scopes = options.scopes.split(',').map((name) => {
    const scope = Object.hasOwn(scopesByName, name) ? scopesByName[name] : undefined;
    if (scope === undefined)
      throw new UsageError(`--scopes takes ${Object.keys(scopesByName).join(', ')}; not ${name}.`);
    return scope;
  });
  const expiresAt =
    options.expires === undefined
      ? undefined
      : timestampFromDate(parseInstantOrDate(options.expires, utc, '--expires'));
  const { key, apiKey } = await session
    .client(TenantService, 'ingestion', options.tenant)
    .createApiKey(
      { displayName: options.name ?? '', scopes, ...(expiresAt && { expiresAt }) },
      { signal: session.signal },
    );
  if (options.json) printJson(session.stdout, { key, ...(apiKey && keyJson(apiKey)) });
  else session.stdout.write(`${key}\n`);
  return exitCode.done;
}

export async function listKeysCommand(session: Session, { tenant, json }: KeyOptions): Promise<ExitCode> {
  const client = session.client(TenantService, 'ingestion', tenant);
  const keys: ApiKey[] = [];
  for (let pageToken = ''; ;) {
    const page = await client.listApiKeys({ pageToken }, { signal: session.signal });
    keys.push(...page.apiKeys);
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  const listed = keys.map(keyJson);
  if (json) printJson(session.stdout, { keys: listed });
  else {
    printTable(
      session.stdout,
      ['key', 'name', 'scopes', 'created', 'last used', 'expires', 'revoked'],
      listed.map((key) => [
        key.key_id,
        key.display_name,
        key.scopes.join(','),
        key.created_at ?? '',
        key.last_used_at ?? '',
        key.expires_at ?? '',
        key.revoked_at ?? '',
      ]),
    );
  }
  return exitCode.done;
}

export interface RotateKeyOptions extends KeyOptions {
  readonly overlap?: string;
}

/** `parley keys rotate KEY_ID`: the new key is printed once and can't be had again. */
export async function rotateKeyCommand(
  session: Session,
  keyId: string,
  { tenant, overlap, json }: RotateKeyOptions,
): Promise<ExitCode> {
  const hours = overlap === undefined ? undefined : Number(overlap);
  if (overlap === '' || (hours !== undefined && !(hours >= 0 && hours <= maxOverlapHours))) {
    throw new UsageError(`--overlap is hours, from 0 to ${maxOverlapHours}; not ${overlap}.`);
  }
  const overlapSeconds = hours === undefined ? undefined : BigInt(Math.round(hours * 3600));
  const { key, apiKey, replacedApiKey } = await session
    .client(TenantService, 'ingestion', tenant)
    .rotateApiKey(
      { keyId, ...(overlapSeconds !== undefined && { overlapSeconds }) },
      { signal: session.signal },
    );
  if (json) {
    printJson(session.stdout, {
      key,
      ...(apiKey && keyJson(apiKey)),
      replaced: replacedApiKey ? keyJson(replacedApiKey) : null,
    });
  } else {
    session.stdout.write(`${key}\n`);
    const end = replacedApiKey ? keyJson(replacedApiKey).expires_at : null;
    session.stderr.write(`${keyId} is valid until ${end ?? 'it is revoked'}.\n`);
  }
  return exitCode.done;
}

/** The longest that a replaced key may stay valid: 30 days. */
const maxOverlapHours = 720;

/** `parley keys revoke KEY_ID`. */
export async function revokeKeyCommand(
  session: Session,
  keyId: string,
  { tenant, json }: KeyOptions,
): Promise<ExitCode> {
  const { apiKey } = await session
    .client(TenantService, 'ingestion', tenant)
    .revokeApiKey({ keyId }, { signal: session.signal });
  if (json) printJson(session.stdout, apiKey ? keyJson(apiKey) : { key_id: keyId });
  else session.stdout.write(`${keyId} is revoked.\n`);
  return exitCode.done;
}

function keyJson(key: ApiKey) {
  const instant = (at: ApiKey['createdAt']) => (at ? timestampDate(at).toISOString() : null);
  return {
    key_id: key.keyId,
    display_name: key.displayName,
    scopes: key.scopes.map((scope) => scopeNames.get(scope) ?? 'unknown'),
    created_at: instant(key.createdAt),
    last_used_at: instant(key.lastUsedAt),
    expires_at: instant(key.expiresAt),
    revoked_at: instant(key.revokedAt),
  };
}
