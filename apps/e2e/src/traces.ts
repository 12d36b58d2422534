import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { query } from './query.ts';

/**
 * The tables of every schema in which one of these texts stands in any column of any row, partitions and the planner's
 * statistics included.
 */
export async function tablesHolding(databaseUrl: string, texts: readonly string[]): Promise<string[]> {
  const tables = await query<{ place: string; columns: string }>(
    databaseUrl,
    `select format('%I.%I', n.nspname, c.relname) as place,
            string_agg(case when a.atttypid = 'bytea'::regtype then format('encode(%I, ''escape'')', a.attname)
                            else format('%I::text', a.attname) end, ', ') as columns
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
       join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where c.relkind in ('r', 'm') and (n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
         or n.nspname = 'pg_catalog' and c.relname = 'pg_statistic')
      group by 1 order by 1`,
  );
  const found: string[] = [];
  for (const { place, columns } of tables) {
    const rows = await query(
      databaseUrl,
      `select from ${place}
        where exists (select from unnest($1::text[]) t where position(t in concat_ws(' ', ${columns})) > 0) limit 1`,
      [texts],
    );
    if (rows.length > 0) found.push(place);
  }
  return found;
}

/** The files below a folder in which one of these texts stands. @param isSkipped says of a folder's name that it is left out. */
export async function filesHolding(
  folder: string,
  texts: readonly string[],
  isSkipped: (name: string) => boolean,
): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!isSkipped(entry.name)) found.push(...(await filesHolding(path, texts, isSkipped)));
    } else if (entry.isFile()) {
      const bytes = await readFile(path);
      if (texts.some((text) => bytes.includes(text))) found.push(path);
    }
  }
  return found;
}
