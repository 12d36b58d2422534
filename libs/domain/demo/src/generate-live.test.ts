import { expect, test } from 'vitest';
import { generateHistory } from './generate-history.ts';
import { generateLive } from './generate-live.ts';

const now = new Date('2026-03-30T09:00:00Z');
const live = (from = now) => generateLive({ seed: 7, tenant: 'demo', from, conversationsPerMinute: 10 });

test('lines come at a steady rate, each with when it is due', () => {
  const hour = live()
    .take(20_000)
    .toArray()
    .filter(({ at }) => at < now.getTime() + 3_600_000);
  const times = hour.map(({ at }) => at);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(times[0]).toBe(now.getTime());
  expect(hour.filter(({ at, line }) => line.timestamp !== new Date(at).toISOString())).toEqual([]);
  const conversations = new Set(
    hour.flatMap(({ line }) => (line.type === 'interaction' ? line.session_id : [])),
  );
  expect(conversations.size).toBeGreaterThan(550);
  expect(conversations.size).toBeLessThan(650);
});

test('the same start gives the same lines, another start gives other ids', () => {
  const first = (from?: Date) => live(from).take(300).toArray();
  expect(first()).toEqual(first());
  const ids = (from?: Date) =>
    first(from).flatMap(({ line }) => (line.type === 'interaction' ? line.id : []));
  const other = new Set(ids(new Date(now.getTime() + 1)));
  expect(ids().filter((id) => other.has(id))).toEqual([]);
});

test('who speaks is a member of the history of the same seed', () => {
  const from = new Date(now.getTime() - 86_400_000);
  const members = new Set(
    generateHistory({ seed: 7, tenant: 'demo', from, to: now, conversationsPerDay: 1 })
      .filter((line) => line.type === 'member')
      .map((line) => line.member_id),
  );
  const speakers = live()
    .take(3_000)
    .toArray()
    .flatMap(({ line }) => (line.type === 'interaction' ? (line.member_id ?? []) : []));
  expect(new Set(speakers).size).toBeGreaterThan(50);
  expect(speakers.filter((speaker) => !members.has(speaker))).toEqual([]);
});

test('no traffic is refused', () => {
  expect(() =>
    generateLive({ seed: 7, tenant: 'demo', from: now, conversationsPerMinute: 0 }).next(),
  ).toThrow(RangeError);
});
