import { expect, test } from 'vitest';
import { gapOfScope } from './gap-of-scope.ts';

const tenantId = 't';
const rule = (botId: string, effectiveFrom: string, minutes: number) => ({
  tenantId,
  botId,
  effectiveFrom: new Date(effectiveFrom),
  inactivityGapMs: minutes * 60_000,
  handoffIntents: [],
});
const settings = [rule('', '2026-03-02', 20), rule('sales', '2026-03-04', 5)];
const gap = (botId: string, start: string, end: string) =>
  gapOfScope(settings, { tenantId, botId }, { start: new Date(start), end: new Date(end) });

test.each([
  ['nothing was set yet', '', '2026-03-01', '2026-03-02', 1_800_000],
  ['all bots have the same', '', '2026-03-02', '2026-03-04', 1_200_000],
  ['it changes', '', '2026-03-01', '2026-03-03', undefined],
  ['bots differ', '', '2026-03-05', '2026-03-06', undefined],
  ['a bot has its own', 'sales', '2026-03-05', '2026-03-06', 300_000],
  ['a bot has that of all', 'help', '2026-03-05', '2026-03-06', 1_200_000],
  ['a bot’s own changes', 'sales', '2026-03-03', '2026-03-06', undefined],
])('the gap of a window where %s', (_, botId, start, end, expected) => {
  expect(gap(botId, start, end)).toBe(expected);
});
