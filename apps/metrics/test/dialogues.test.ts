import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { cutWindow } from '@parley/calendar';
import { netOf } from '@parley/kpi';
import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { event, inOrder, tenantA, tenantB } from './events.ts';
import type { NewEvent } from './events.ts';
import { openMetricsRows } from './metrics-database.ts';

const cluster = await testCluster();

// Beside the repository, where there are such.
const folder = join(import.meta.dirname, '../../../../shared/data');
const file = join(folder, 'dialogues-dev.jsonl.gz');

/** What a line may say, in the guide's names. */
interface Line {
  readonly type: 'interaction' | 'conversion' | 'feedback';
  readonly id: string;
  readonly tenant: string;
  readonly timestamp: string;
  readonly bot_id?: string;
  readonly group_id?: string;
  readonly member_id?: string;
  readonly session_id?: string;
  readonly intent?: string;
  readonly interaction_id?: string;
  readonly outcome?: 'purchased' | 'visited' | 'did_nothing' | 'resolved';
  readonly conversion_value?: number;
  readonly currency?: string;
  readonly csat_rating?: number;
}

const tenants: Readonly<Record<string, string>> = {
  'city-life': tenantA,
  'home-services': tenantB,
  'travel-co': '0197a000-0000-7000-8000-00000000000c',
};
const outcomes = { purchased: 1, visited: 2, did_nothing: 3, resolved: 4 } as const;

function toEvent(line: Line): NewEvent {
  const told = { id: line.id, at: line.timestamp, tenantId: tenants[line.tenant] ?? '' };
  const { bot_id: botId = '', group_id: groupId = '', member_id: memberId = '', intent = '' } = line;
  const interactionId = line.interaction_id ?? '';
  switch (line.type) {
    case 'interaction': {
      const value = { botId, groupId, memberId, intent, conversationId: line.session_id ?? '' };
      return event({ case: 'interaction', value }, told);
    }
    case 'conversion': {
      const minorUnits = BigInt(Math.round((line.conversion_value ?? 0) * 100));
      const value = { currencyCode: line.currency ?? 'USD', minorUnits };
      const outcome = outcomes[line.outcome ?? 'did_nothing'];
      return event({ case: 'conversion', value: { interactionId, outcome, value } }, told);
    }
    case 'feedback':
      return event(
        { case: 'feedback', value: { interactionId, botId, rating: line.csat_rating ?? 0 } },
        told,
      );
  }
}

if (existsSync(file)) {
  test(
    'the dialogues give their interactions, conversions and revenue by intent',
    { timeout: 240_000 },
    async () => {
      const expected = JSON.parse(readFileSync(join(folder, 'dialogues-dev-kpis.json'), 'utf8')) as {
        readonly intents_by_revenue: Readonly<
          Record<
            string,
            { readonly interactions: number; readonly revenue_events: number; readonly revenue: number }
          >
        >;
        readonly by_tenant: Readonly<Record<string, { readonly total_conversions: number }>>;
      };
      const lines = gunzipSync(readFileSync(file)).toString('utf8').trimEnd().split('\n');
      const log = inOrder(lines.map((line) => toEvent(JSON.parse(line) as Line)));
      const metrics = await openMetricsRows(cluster);
      for (let n = 0; n < log.length; n += 5_000) await metrics.fold(log.slice(n, n + 5_000));

      const [start, end] = [new Date('2026-01-01T00:00:00Z'), new Date('2027-01-01T00:00:00Z')];
      const year = { start, end, cut: cutWindow(start, end) };
      const found: Record<string, object> = {};
      for (const [name, tenantId] of Object.entries(tenants)) {
        const options = { dimensions: ['intent'], asOf: undefined } as const;
        const { sums, revenue } = await metrics.facts({ tenantId }, options, async (source) => ({
          sums: await source.sums([year]),
          revenue: await source.revenue([year]),
        }));
        let conversions = 0;
        for (const { values, content } of sums) {
          const earned = revenue.find((cell) => cell.values[0] === values[0])?.content.get('USD');
          conversions +=
            content.purchasedCount + content.visitedCount + content.didNothingCount + content.resolvedCount;
          found[`${name}|${values[0] ?? ''}`] = {
            interactions: content.interactionCount,
            revenue_events: Number(earned?.orderCount ?? 0n),
            revenue: earned === undefined ? 0 : Number(netOf(earned)) / 100,
          };
        }
        expect(conversions).toBe(expected.by_tenant[name]?.total_conversions);
      }
      expect(found).toEqual(expected.intents_by_revenue);
    },
  );
}
