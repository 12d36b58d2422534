import { Client, types, type QueryResultRow } from 'pg';

const int8 = 20;

/** One statement by a connection of its own, as `psql` would. int8 comes as a number. */
export async function query<Row extends QueryResultRow>(
  url: string,
  sql: string,
  params: readonly unknown[] = [],
): Promise<Row[]> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: 5_000,
    query_timeout: 300_000,
    types: {
      getTypeParser: ((oid: number, format?: 'text') =>
        oid === int8 ? Number : types.getTypeParser(oid, format)) as typeof types.getTypeParser,
    },
  });
  await client.connect();
  try {
    const { rows } = await client.query<Row>(sql, [...params]);
    return rows;
  } finally {
    await client.end();
  }
}
