import { randomUUID } from 'node:crypto';
import type { Transaction } from '@parley/database';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { findUnknown } from '../src/storage/fact-store.ts';
import { factTables, leadingColumns } from '../src/storage/fact-tables.ts';
import {
  countFigures,
  countQuarantined,
  countUnlinkedConversions,
  listBots,
  listBusyHours,
  listUnknownIntents,
  sumCollected,
} from '../src/storage/collection.sql.ts';
import { findInteraction, listInteractions } from '../src/storage/interactions.sql.ts';
import { startService } from './service-fixture.ts';

// The plans of what is asked most, over 20,000 interactions and conversions of one tenant: with statistics, and as after
// a rebuild, when there are none of the new generation.
const cluster = await testCluster();
const { admin, tenant } = await startService(cluster, { atEnd: afterAll });
const { tenant: own } = await tenant();
const scope = { partition: own.partition, generation: 77, tenantId: own.tenantId };

const columns = 'partition, generation, tenant_id, event_key, log_offset, occurred_at, received_at';
const values = `$1::int, $2::int, $3::uuid, gen_random_uuid(), n, timestamptz '2026-03-01' + n * interval '1 second', now()`;
for (const table of ['interaction_rows', 'conversion_rows']) {
  await admin.query(`alter table ${table} set (autovacuum_enabled = off)`);
}
await admin.query(
  `insert into interaction_rows (${columns}, interaction_id, bot_id, group_id, member_id, conversation_id, intent)
   select ${values}, n::text, 'x-' || n % 500, 'x-' || n % 500, 'x-' || n % 500, 'x-' || n % 500, 'x-' || n % 500
     from generate_series(1, 20000) as n`,
  [scope.partition, scope.generation, scope.tenantId],
);
await admin.query(
  `insert into conversion_rows (${columns}, conversion_id, interaction_id, interaction_key, outcome, checkout_completed,
                                pages_visited, value_minor_units, currency_code, minor_digits)
   select ${values}, n::text, n::text, gen_random_uuid(), 'purchased', true, '[]', 100, 'USD', 2
     from generate_series(1, 20000) as n`,
  [scope.partition, scope.generation, scope.tenantId],
);

/** How what `ask` asks would be answered. */
async function planOf(ask: (tx: Transaction) => Promise<unknown>): Promise<string> {
  const lines: string[] = [];
  await admin.transaction(async (tx) => {
    await ask({
      client: tx.client,
      async query(statement, parameters) {
        const text = typeof statement === 'string' ? statement : statement.text;
        const { rows } = await tx.query<{ 'QUERY PLAN': string }>(`explain ${text}`, parameters);
        lines.push(...rows.map((row) => row['QUERY PLAN']));
        return { rows: [], rowCount: 0 };
      },
    });
  });
  return lines.join('\n');
}

const everything = {
  botId: undefined,
  groupId: undefined,
  memberId: undefined,
  conversationId: undefined,
  intent: undefined,
  windowStart: undefined,
  windowEnd: undefined,
};
const after = { occurredAt: new Date('2026-03-01T03:00:00Z'), interactionId: '5' };

for (const statistics of ['without', 'with']) {
  test(`${statistics} statistics, one interaction is found by its key, and what it earned by its index`, async () => {
    if (statistics === 'with') await admin.query('analyze interaction_rows, conversion_rows');
    const plan = await planOf((tx) => findInteraction(tx, scope, randomUUID()));
    expect(plan).toContain('interaction_rows_pkey');
    expect(plan).toContain('completion_rows_pkey');
    expect(plan).toContain('conversion_rows_by_interaction');
    expect(plan).not.toContain('Seq Scan');
  });

  test(`${statistics} statistics, a fold that meets a known key seeks what is there by key, row by row`, async () => {
    const row = [
      scope.partition,
      scope.generation,
      scope.tenantId,
      randomUUID(),
      1n,
      new Date(),
      null,
      new Date(),
      randomUUID(),
      'bot',
      ...Array.from({ length: factTables.interaction.columns.length - 2 }, () => null),
    ];
    expect(row).toHaveLength(leadingColumns.length + factTables.interaction.columns.length);
    const plan = await planOf((tx) => findUnknown(tx, factTables.interaction, [row]));
    expect(plan).toContain('interaction_rows_pkey');
    expect(plan).not.toContain('Seq Scan');
  });
}

test.each(['botId', 'groupId', 'memberId', 'conversationId', 'intent'] as const)(
  'a page by %s is read from its index',
  async (field) => {
    await admin.query('analyze interaction_rows, conversion_rows');
    const plan = await planOf((tx) =>
      listInteractions(tx, scope, { ...everything, [field]: 'x-7' }, after, 51),
    );
    expect(plan).toContain(
      `interaction_rows_by_${field.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`)}`,
    );
    expect(plan).not.toContain('Seq Scan on interaction_rows');
  },
);

test('a page of all interactions is read from the index by time', async () => {
  const plan = await planOf((tx) => listInteractions(tx, scope, everything, after, 51));
  expect(plan).toContain('interaction_rows_by_time');
  expect(plan).toContain('Incremental Sort');
});

test('what the collection doctor asks is answered from indexes alone', async () => {
  await admin.query('analyze interaction_rows, conversion_rows');
  const window = { start: new Date('2026-03-01T01:00:00Z'), end: new Date('2026-03-01T02:00:00Z') };
  const bots = ['x-1', 'x-2'];
  const now = window.end;
  const questions = [
    [(tx: Transaction) => listBots(tx, scope, undefined), 'interaction_rows_by_bot_id'],
    [(tx: Transaction) => listBots(tx, scope, 'x-1'), 'interaction_rows_by_bot_id'],
    [(tx: Transaction) => countFigures(tx, scope, bots, window, now), 'interaction_rows_by_bot_id'],
    [(tx: Transaction) => listUnknownIntents(tx, scope, bots, window, ['x-3']), 'interaction_rows_by_bot_id'],
    [(tx: Transaction) => listBusyHours(tx, scope, bots, window), 'interaction_rows_by_bot_id'],
    [(tx: Transaction) => countUnlinkedConversions(tx, scope, window), 'conversion_rows_by_time'],
  ] as const;
  for (const [ask, index] of questions) {
    const plan = await planOf(ask);
    expect(plan).toContain(index);
    expect(plan).not.toContain('Seq Scan on interaction_rows');
    expect(plan).not.toContain('Seq Scan on conversion_rows');
  }
  // Small tables are read whole whatever their indexes; so it is asked what would be used.
  await admin.transaction(async (tx) => {
    const asked = async (ask: (each: Transaction) => Promise<unknown>): Promise<string> => {
      const lines: string[] = [];
      await ask({
        client: tx.client,
        async query(statement, parameters) {
          const text = typeof statement === 'string' ? statement : statement.text;
          const { rows } = await tx.query<{ 'QUERY PLAN': string }>(`explain ${text}`, parameters);
          lines.push(...rows.map((row) => row['QUERY PLAN']));
          return { rows: [], rowCount: 0 };
        },
      });
      return lines.join('\n');
    };
    await tx.query('set local enable_seqscan = off');
    expect(await asked((each) => countQuarantined(each, scope, window))).toContain(
      'quarantined_events_by_time',
    );
    expect(await asked((each) => sumCollected(each, scope, window))).toContain('collection_counts_pkey');
  });
});
