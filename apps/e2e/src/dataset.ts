import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parseTimeZone, startOfDay } from '@parley/calendar';
import { demoRevenueByIntent, demoTruth, generateHistory, planted, type DemoLine } from '@parley/demo';
import { root } from './child-process.ts';
import type { Figures } from './kpi-figures.ts';

/** A part of the traffic with the figures that it must have. */
export interface Slice {
  readonly label: string;
  readonly tenant: string;
  readonly botId?: string;
  readonly groupId?: string;
  /** Half-open. */
  readonly start: Date;
  readonly end: Date;
  readonly figures: Figures;
}

/** What the intents of a tenant's interactions brought in, in whole units. */
export interface IntentRevenue {
  readonly tenant: string;
  readonly intent: string;
  readonly interactions: number;
  readonly revenue_events: number;
  readonly revenue: number;
}

/** Lines for `parley import`, with what must come out. */
export interface Dataset {
  readonly name: string;
  readonly lines: readonly string[];
  readonly tenants: readonly string[];
  /** Every tenant as a whole, and its parts. */
  readonly slices: readonly Slice[];
  /** All tenants together, where somebody computed that. */
  readonly all?: Figures;
  readonly intents: readonly IntentRevenue[];
}

const newYork = 'America/New_York';
const wholeYear = { start: new Date('2026-01-01T00:00:00Z'), end: new Date('2027-01-01T00:00:00Z') };

/** Invented traffic that knows its figures; it crosses the change to summer time in New York. */
export function demoDataset(): Dataset {
  const from = new Date('2026-03-02T00:00:00Z');
  const to = new Date('2026-03-12T00:00:00Z');
  const histories = ['shop-one', 'shop-two'].map((tenant, index) => ({
    tenant,
    lines: [...generateHistory({ seed: 12 + index, tenant, from, to, conversationsPerDay: 40 })],
  }));
  return {
    name: 'demo traffic',
    lines: histories.flatMap(({ lines }) => lines.map((line) => JSON.stringify(line))),
    tenants: histories.map(({ tenant }) => tenant),
    slices: histories.flatMap(({ tenant, lines }) => demoSlices(tenant, lines)),
    intents: histories.flatMap(({ tenant, lines }) =>
      [...demoRevenueByIntent(lines)].map(([intent, revenue]) => ({ tenant, intent, ...revenue })),
    ),
  };
}

function demoSlices(tenant: string, lines: readonly DemoLine[]): Slice[] {
  const groups = new Set(lines.flatMap((line) => ('group_id' in line ? (line.group_id ?? []) : [])));
  const days = ['UTC', newYork].flatMap((zone) =>
    Array.from({ length: 11 }, (_, day) => `2026-03-${String(day + 1).padStart(2, '0')}`).map((date) => ({
      label: `${date} in ${zone}`,
      ...dayOf(date, zone),
    })),
  );
  const parts: Omit<Slice, 'tenant' | 'figures'>[] = [
    { label: 'whole', ...wholeYear },
    ...planted.bots.map((botId) => ({ label: botId, botId, ...wholeYear })),
    ...[...groups].map((groupId) => ({ label: groupId, groupId, ...wholeYear })),
    ...days,
  ];
  return parts.map((part) => ({
    ...part,
    label: `${tenant}, ${part.label}`,
    tenant,
    figures: demoTruth(lines, part, part),
  }));
}

/** Real dialogues with figures that were computed elsewhere; undefined where the files are not there. */
export function dialoguesDataset(): Dataset | undefined {
  const folder = join(root, '..', 'shared', 'data');
  const bytes = readIfThere(join(folder, 'dialogues-dev.jsonl.gz'));
  const kpis = readIfThere(join(folder, 'dialogues-dev-kpis.json'));
  if (!bytes || !kpis) return undefined;
  const expected = JSON.parse(kpis.toString('utf8')) as DialogueKpis;
  const days = (table: Readonly<Record<string, Figures>>, zone: string): Slice[] =>
    parts(table).map(({ tenant, part, figures }) => ({
      label: `${tenant}, ${part} in ${zone}`,
      tenant,
      ...dayOf(part, zone),
      figures,
    }));
  return {
    name: 'dialogues',
    lines: gunzipSync(bytes).toString('utf8').trimEnd().split('\n'),
    tenants: Object.keys(expected.by_tenant),
    slices: [
      ...parts(expected.by_tenant).map(({ tenant, figures }) => ({
        label: `${tenant}, whole`,
        tenant,
        ...wholeYear,
        figures,
      })),
      ...parts(expected.by_tenant_bot).map(({ tenant, part, figures }) => ({
        label: `${tenant}, ${part}`,
        tenant,
        botId: part,
        ...wholeYear,
        figures,
      })),
      ...days(expected.by_tenant_day_utc, 'UTC'),
      ...days(expected.by_tenant_day_new_york, newYork),
    ],
    all: expected.all,
    intents: Object.entries(expected.intents_by_revenue).map(([key, revenue]) => {
      const [tenant = '', intent = ''] = key.split('|');
      return { tenant, intent, ...revenue };
    }),
  };
}

type Table = Readonly<Record<string, Figures>>;

interface DialogueKpis {
  readonly all: Figures;
  readonly by_tenant: Table;
  readonly by_tenant_bot: Table;
  readonly by_tenant_day_utc: Table;
  readonly by_tenant_day_new_york: Table;
  readonly intents_by_revenue: Readonly<Record<string, Omit<IntentRevenue, 'tenant' | 'intent'>>>;
}

function parts(table: Table) {
  return Object.entries(table).map(([key, figures]) => {
    const [tenant = '', part = ''] = key.split('|');
    return { tenant, part, figures };
  });
}

function dayOf(date: string, zone: string): { readonly start: Date; readonly end: Date } {
  const timeZone = parseTimeZone(zone);
  const next = new Date(`${date}T00:00:00Z`);
  next.setUTCDate(next.getUTCDate() + 1);
  return { start: startOfDay(date, timeZone), end: startOfDay(next.toISOString().slice(0, 10), timeZone) };
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The same lines for tenants of other names, which have the same figures. */
export function renameTenants(dataset: Dataset, rename: (tenant: string) => string): Dataset {
  return {
    ...dataset,
    tenants: dataset.tenants.map(rename),
    lines: dataset.lines.map((line) => {
      const fields = JSON.parse(line) as { readonly tenant: string };
      return JSON.stringify({ ...fields, tenant: rename(fields.tenant) });
    }),
    slices: dataset.slices.map((slice) => ({ ...slice, tenant: rename(slice.tenant) })),
    intents: dataset.intents.map((intent) => ({ ...intent, tenant: rename(intent.tenant) })),
  };
}
