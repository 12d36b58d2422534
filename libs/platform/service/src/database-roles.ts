import {
  bootstrapService,
  migrate,
  openDatabase,
  roleName,
  rolePassword,
  roleUrl,
  type Database,
  type DatabaseOptions,
  type NamedMigration,
  type RoleKind,
} from '@parley/database';
import type { Logger } from '@parley/runtime';
import type { ServiceConfig } from './config.ts';

export interface MigrateServiceOptions {
  /** The service's name and that of its schema. */
  readonly service: string;
  /** Those that it has besides its owner. */
  readonly roles: readonly Exclude<RoleKind, 'owner'>[];
  readonly migrations: readonly NamedMigration[];
  /** A user that may make roles and schemas. */
  readonly adminUrl: string;
  /** From which the passwords of the roles are derived. */
  readonly databaseSecret: string;
  readonly logger: Logger;
}

/** Makes a service's roles, schema and tables, or brings them up to date. May be repeated, also at once. */
export async function migrateService(options: MigrateServiceOptions): Promise<void> {
  const { service, roles, migrations, adminUrl, databaseSecret, logger } = options;
  const passwordOf = (kind: RoleKind): string => rolePassword(databaseSecret, roleName(service, kind));
  const owner = passwordOf('owner');
  const passwords = { ...Object.fromEntries(roles.map((kind) => [kind, passwordOf(kind)])), owner };
  await bootstrapService({ adminUrl, service, passwords });
  await migrate({
    ownerUrl: roleUrl(adminUrl, roleName(service, 'owner'), owner),
    service,
    migrations,
    logger,
  });
}

export interface OpenRoleOptions extends Pick<DatabaseOptions, 'entities' | 'poolSize' | 'logger'> {
  readonly service: string;
  readonly kind: RoleKind;
  /** 9 s unless told: less than the 10 s that a call has. */
  readonly statementTimeoutMs?: number;
}

/** One of the service's roles in the database. The database need not be there yet. */
export function openRole(
  { databaseUrl, databaseSecret }: Pick<ServiceConfig, 'databaseUrl' | 'databaseSecret'>,
  { kind, statementTimeoutMs = 9_000, ...options }: OpenRoleOptions,
): Promise<Database> {
  const role = roleName(options.service, kind);
  return openDatabase({
    ...options,
    url: roleUrl(databaseUrl, role, rolePassword(databaseSecret, role)),
    applicationName: role,
    statementTimeoutMs,
  });
}
