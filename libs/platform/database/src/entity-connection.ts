import { Kysely, PostgresDialect } from 'kysely';
import type { PostgresCursor, PostgresQueryResult } from 'kysely';
import type { PoolClient } from 'pg';

/**
 * A connection in a transaction of ours, as MikroORM wants it for an EntityManager's transaction context.
 * MikroORM's own transactions never give back a connection that breaks within them (their rollback fails before the
 * release), so each crash of the server would cost the pool one for good.
 */
export function entityConnection(client: PoolClient): Kysely<unknown> {
  function query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  function query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>;
  function query(statement: string | PostgresCursor<unknown>, parameters: readonly unknown[] = []): unknown {
    if (typeof statement !== 'string') throw new Error('Entities can not be streamed.');
    return client.query(statement, [...parameters]);
  }
  const held = { query, release: () => undefined };
  const pool = { connect: () => Promise.resolve(held), end: () => Promise.resolve(), options: {} };
  return new Kysely({ dialect: new PostgresDialect({ pool }) });
}
