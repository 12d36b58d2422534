import { defineMigration, tenantPolicy } from '@parley/database';

/** The key of a bucket, as that of kpi_rollups. */
const cell = `
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     generation integer not null,
     -- 0 all bots, 1 one bot.
     cube smallint not null check (cube in (0, 1)),
     -- 0 quarter hour, 1 hour, 2 day; all of UTC.
     level smallint not null check (level between 0 and 2),
     bucket_start timestamptz not null,
     -- Empty in the cube of all bots.
     bot_id text collate "C" not null check ((cube = 0) = (bot_id = '')),
     -- The UTC day on which the events that brought this were received.
     known_on date not null,`;
const key = 'partition, tenant_id, generation, cube, level, bucket_start, bot_id, known_on';

const ratings = [
  'csat_square_sum_micros',
  'nps_count',
  'nps_promoter_count',
  'nps_detractor_count',
  'ces_count',
  'ces_sum_micros',
  'ces_square_sum_micros',
  'ces_top2_count',
  'thumbs_count',
  'thumbs_up_count',
];

/** Response times by bin, revenue by currency, who paid, and the other ratings. */
export const keepLatencyAndRevenue = defineMigration('0008-keep-latency-and-revenue', [
  `alter table kpi_rollups ${ratings.map((name) => `add column ${name} bigint not null default 0`).join(', ')}`,

  // How many response times there are in each bin of @parley/kpi's sketch, signed; the bins in ascending order, none of
  // them with 0. A row for each bin would be hundreds of rows for each bucket.
  `create table latency_rollups (${cell}
     bins smallint[] not null,
     counts bigint[] not null check (cardinality(counts) = cardinality(bins)),
     primary key (${key})
   ) with (fillfactor = 70)`,
  ...tenantPolicy('latency_rollups'),

  `create table revenue_rollups (${cell}
     currency_code text collate "C" not null,
     order_count bigint not null,
     gross_minor_units numeric not null,
     -- For how much the values vary; beyond what 64 bits hold.
     gross_square_sum numeric not null,
     refund_count bigint not null,
     refunded_minor_units numeric not null,
     over_refunded_count bigint not null,
     primary key (${key}, currency_code)
   ) with (fillfactor = 70)`,
  ...tenantPolicy('revenue_rollups'),

  // A Roaring bitmap of the ordinals of the members who paid in a currency, as member_sets.
  `create table payer_sets (${cell}
     currency_code text collate "C" not null,
     members bytea not null,
     primary key (${key}, currency_code),
     check (level > 0)
   ) with (fillfactor = 70)`,
  'alter table payer_sets alter column members set storage external',
  ...tenantPolicy('payer_sets'),

  `alter table conversion_facts
     -- What of its value was refunded, in its own currency.
     add column refunded_minor_units bigint not null default 0,
     -- Whom the conversion itself named, and whose it is: its own, else its interaction's.
     add column own_member_ordinal integer,
     add column member_ordinal integer,
     -- The days, since 1970, from which on its member counts as one who paid: at all, and with its bot.
     add column paid_on integer,
     add column bot_paid_on integer`,

  `create table refund_facts (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     generation integer not null,
     refund_key uuid not null,
     conversion_key uuid not null,
     occurred_at timestamptz not null,
     -- Its conversion's, 'unknown' until that comes.
     bot_id text collate "C" not null check (bot_id <> ''),
     group_id text collate "C" not null,
     intent text not null,
     value_minor_units bigint not null,
     currency_code text not null,
     -- As in the other facts: the day on which it was first counted, and what was changed on other days.
     known_on integer,
     later text,
     primary key (partition, refund_key, tenant_id, generation)
   )`,
  ...tenantPolicy('refund_facts'),
  `create index refund_facts_by_conversion
     on refund_facts (partition, conversion_key, tenant_id, generation)`,
  `create index refund_facts_by_time
     on refund_facts (partition, tenant_id, generation, occurred_at) where bot_id <> ''`,
  `create index refund_facts_by_group
     on refund_facts (partition, group_id, tenant_id, generation, occurred_at)`,
]);
