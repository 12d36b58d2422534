import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/**
 * What a service's Postgres role is for.
 * - `owner` owns schema and tables: migrations and months.
 * - `app` answers tenants, under row-level security.
 * - `worker` bypasses it: projections, tail, key look-up, retention, verify.
 * - `append` bypasses it and gets only what a migration grants by name: the event log's writer.
 */
export type RoleKind = 'owner' | 'app' | 'worker' | 'append';

/** `ingestion_app`. Throws when the service's name is no plain identifier. */
export function roleName(service: string, kind: RoleKind): string {
  return `${identifier(service)}_${kind}`;
}

/** A role's password, derived from a secret of at least 16 characters that every process of a cluster shares. */
export function rolePassword(secret: string, role: string): string {
  if (secret.length < 16) throw new Error('The secret of database passwords needs at least 16 characters.');
  return createHmac('sha256', secret).update(`postgres role ${role}`).digest('base64url');
}

/** The same server and database as `url`, as another user. */
export function roleUrl(url: string, role: string, password: string): string {
  const result = new URL(url);
  result.username = encodeURIComponent(role);
  result.password = encodeURIComponent(password);
  return result.href;
}

/** What the server stores for a password (RFC 5803), made here so that the password is in no statement or log. */
export function scramVerifier(password: string): string {
  const iterations = 4096;
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}

/** Returns a name that may stand in SQL unquoted; throws on any other. */
export function identifier(name: string): string {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) throw new Error(`Not a plain SQL name: ${JSON.stringify(name)}`);
  return name;
}
