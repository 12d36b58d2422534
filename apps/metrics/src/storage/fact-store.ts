import { copyIn, encodeUuidArray } from '@parley/database';
import type { CopyType, CopyValue, Transaction } from '@parley/database';

/** Whose rows are read and written: one partition's, of one generation. */
export interface RowScope {
  readonly tx: Transaction;
  readonly partition: number;
  readonly generation: number;
}

/** Where a fact is: its key, or that of the interaction that it is about, as UUID text. */
export interface FactKey {
  readonly tenantId: string;
  readonly key: string;
}

/** How facts of a kind are stored: one row each. */
export interface FactMapping<Fact> {
  readonly table: string;
  /** The column of the key, beside partition, tenant and generation. */
  readonly key: string;
  /** Every column but partition and generation. */
  readonly columns: readonly FactColumn<Fact>[];
}

/** The property that it keeps, as which type. */
export type FactColumn<Fact> = readonly [name: string, type: CopyType, property: keyof Fact & string];

export interface FactStore<Fact> {
  /** The facts of these keys. `by` is the key column unless told; it needs an index. */
  find(scope: RowScope, keys: readonly FactKey[], by?: string): Promise<readonly Fact[]>;
  /** Writes facts that are not stored yet. */
  add(scope: RowScope, facts: readonly Fact[]): Promise<void>;
  /** Writes stored facts over. */
  change(scope: RowScope, facts: readonly Fact[]): Promise<void>;
  /** Deletes the facts of these keys. */
  remove(scope: RowScope, keys: readonly FactKey[]): Promise<void>;
}

const arrayTypes: Readonly<Record<CopyType, string>> = {
  bool: 'boolean[]',
  int2: 'smallint[]',
  int4: 'integer[]',
  int8: 'bigint[]',
  uuid: 'uuid[]',
  text: 'text[]',
  bytea: 'bytea[]',
  timestamptz: 'timestamptz[]',
  float8: 'double precision[]',
  jsonb: 'jsonb[]',
};

/**
 * Reads by one statement, adds by one COPY, changes by one statement, however many facts there are. The statements bear
 * no name, so that each is planned for its own keys and for the table as it is: a plan that was made while the table was
 * empty would go by the wrong one of its indexes ever after.
 */
export function createFactStore<Fact extends Readonly<Record<keyof Fact, CopyValue>>>(
  mapping: FactMapping<Fact>,
): FactStore<Fact> {
  const { table, key, columns } = mapping;
  const names = columns.map(([name]) => name);
  const target = {
    table,
    columns: [
      ['partition', 'int4'],
      ['generation', 'int4'],
      ...columns.map(([name, type]) => [name, type] as const),
    ] as const,
  };
  const changeable = names.filter((name) => name !== 'tenant_id' && name !== key);
  const changeSql = `
      update ${table} f set ${changeable.map((name) => `${name} = changed.${name}`).join(', ')}
        from unnest(${columns.map(([, type], index) => `$${index + 3}::${arrayTypes[type]}`).join(', ')})
          as changed (${names.join(', ')})
       where f.partition = $1 and f.tenant_id = changed.tenant_id and f.generation = $2
         and f.${key} = changed.${key}`;
  return {
    async find({ tx, partition, generation }, keys, by = key) {
      if (keys.length === 0) return [];
      const { rows } = await tx.query<Fact>(findFactsSql(mapping, by), [
        partition,
        generation,
        encodeUuidArray(keys.map(({ tenantId }) => tenantId)),
        encodeUuidArray(keys.map((asked) => asked.key)),
      ]);
      return rows;
    },
    async add({ tx, partition, generation }, facts) {
      if (facts.length === 0) return;
      const rows = facts.map((fact) => [
        partition,
        generation,
        ...columns.map(([, , property]) => fact[property]),
      ]);
      await copyIn(tx.client, target, rows);
    },
    async change({ tx, partition, generation }, facts) {
      if (facts.length === 0) return;
      const values = columns.map(([, , property]) => facts.map((fact) => fact[property]));
      await tx.query(changeSql, [partition, generation, ...values]);
    },
    async remove({ tx, partition, generation }, keys) {
      if (keys.length === 0) return;
      await tx.query(
        `delete from ${table} f using unnest($3::uuid[], $4::uuid[]) as gone (tenant_id, key)
          where f.partition = $1 and f.${key} = gone.key and f.tenant_id = gone.tenant_id and f.generation = $2`,
        [
          partition,
          generation,
          encodeUuidArray(keys.map(({ tenantId }) => tenantId)),
          encodeUuidArray(keys.map((gone) => gone.key)),
        ],
      );
    },
  };
}

/**
 * The facts of many keys: one descent each into the index of `by`. OFFSET 0 keeps the planner from joining in another
 * way, which it takes for cheaper as long as it knows nothing of the table.
 */
export function findFactsSql<Fact>({ table, columns }: FactMapping<Fact>, by: string): string {
  return `
    select ${columns.map(([name, , property]) => `f.${name} as "${property}"`).join(', ')}
      from unnest($3::uuid[], $4::uuid[]) as asked (tenant_id, key)
     cross join lateral (
       select * from ${table} f
        where f.partition = $1 and f.${by} = asked.key and f.tenant_id = asked.tenant_id and f.generation = $2
       offset 0
     ) as f`;
}
