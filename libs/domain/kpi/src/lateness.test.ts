import fc from 'fast-check';
import { expect, test } from 'vitest';
import { completenessOf, latenessBin, learnLateness } from './lateness.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Numbers that look random, the same every time. */
function stream(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return (state + 0.5) / 2 ** 32;
  };
}

interface Sent {
  readonly occurredAt: number;
  readonly receivedAt: number;
}

/** Events of some days, evenly spread, each late by what `lateness` says. */
function sent(days: number, perDay: number, lateness: () => number, random: () => number): readonly Sent[] {
  return Array.from({ length: days * perDay }, () => {
    const occurredAt = random() * days * dayMs;
    return { occurredAt, receivedAt: occurredAt + lateness() };
  });
}

function daysOf(events: readonly Sent[], until: number): readonly Map<number, number>[] {
  const days = new Map<number, Map<number, number>>();
  for (const { occurredAt, receivedAt } of events) {
    const bin = latenessBin(receivedAt - occurredAt);
    if (bin === undefined || receivedAt > until) continue;
    const day = Math.floor(receivedAt / dayMs);
    const counts = days.get(day) ?? new Map<number, number>();
    counts.set(bin, (counts.get(bin) ?? 0) + 1);
    days.set(day, counts);
  }
  return [...days.values()];
}

const log = (random: () => number) => -Math.log(random());
/** Most at once, some after minutes, a few from phones that were away for hours. */
const shapes: Readonly<Record<string, (random: () => number) => number>> = {
  prompt: (random) => 300 * log(random),
  queued: (random) => (random() < 0.8 ? 500 * log(random) : 20 * 60_000 * log(random)),
  'often away': (random) => (random() < 0.6 ? 2_000 * log(random) : 5 * hourMs * log(random)),
  'a lognormal of days': (random) =>
    60_000 * Math.exp(2.5 * Math.sqrt(2) * (random() + random() + random() - 1.5)),
};

test.each(Object.entries(shapes))(
  'what is expected to have come is what later turns out to have come: %s',
  (_, shape) => {
    for (const seed of [1, 2]) {
      const random = stream(seed);
      const events = sent(20, 8_000, () => shape(random), random);
      // Ten instants of the last days, at any time of day.
      for (let turn = 0; turn < 10; turn += 1) {
        const at = Math.floor((15 + 5 * random()) * dayMs);
        const curve = learnLateness(daysOf(events, at));
        if (curve === undefined) throw new Error('Enough is known.');
        for (const [start, end] of [
          [at - hourMs, at],
          [at - 3 * hourMs, at - hourMs],
          [at - dayMs, at + dayMs],
        ] as const) {
          const expected = completenessOf(
            curve,
            { start: new Date(start), end: new Date(end) },
            new Date(at),
          );
          const inWindow = events.filter(
            ({ occurredAt }) => occurredAt >= start && occurredAt < Math.min(end, at),
          );
          const share = inWindow.filter(({ receivedAt }) => receivedAt <= at).length / inWindow.length;
          // Four standard errors of the share of so many events, and what the bins' width leaves open.
          const off = 4 * Math.sqrt((share * (1 - share)) / inWindow.length) + 0.015;
          expect(Math.abs((expected?.window ?? NaN) - share)).toBeLessThan(off);
        }
      }
    }
  },
);

test('a day on which history is sent in does not teach that everything is late', () => {
  const random = stream(7);
  const prompt = sent(6, 2_000, () => 500 * log(random), random);
  const history = Array.from({ length: 50_000 }, () => {
    const receivedAt = 3.5 * dayMs;
    return { occurredAt: receivedAt - random() * 30 * dayMs, receivedAt };
  });
  const at = 6 * dayMs;
  const curve = learnLateness(daysOf([...prompt, ...history], at));
  const window = { start: new Date(at - hourMs), end: new Date(at) };
  expect(curve && completenessOf(curve, window, new Date(at))?.newestHour).toBeGreaterThan(0.99);
});

test('too little says nothing: few events, or few days', () => {
  const day = (count: number) => new Map([[0, count]]);
  expect(learnLateness([])).toBeUndefined();
  expect(learnLateness([day(300), day(300), day(300)])).toBeUndefined();
  expect(learnLateness([day(5_000), day(5_000)])).toBeUndefined();
  expect(learnLateness([day(400), day(400), day(400)])?.observationCount).toBe(1_200);
});

test('every lateness up to seven days has a bin, later ones have one that is not lower, and what is later has none', () => {
  fc.assert(
    fc.property(fc.integer({ min: -dayMs, max: 7 * dayMs }), fc.nat(dayMs), (ms, more) => {
      const [one, other] = [latenessBin(ms), latenessBin(ms + more)];
      expect(one).toBeGreaterThanOrEqual(0);
      if (other !== undefined) expect(other).toBeGreaterThanOrEqual(one ?? NaN);
    }),
  );
  expect(latenessBin(-5)).toBe(0);
  expect(latenessBin(7 * dayMs)).toBe(58);
  expect(latenessBin(7 * dayMs + 1)).toBeUndefined();
});

test('shares lie between 0 and 1, and of a window that is still to come there is none', () => {
  const curve = learnLateness(
    [1, 2, 3].map(
      () =>
        new Map([
          [0, 500],
          [30, 300],
          [58, 200],
        ]),
    ),
  );
  if (curve === undefined) throw new Error('Enough is known.');
  const at = new Date('2026-03-08T12:30:00Z');
  fc.assert(
    fc.property(fc.nat(10 * dayMs), fc.nat(20 * dayMs), (before, length) => {
      const start = new Date(at.getTime() - before - 1);
      const told = completenessOf(curve, { start, end: new Date(start.getTime() + length + 1) }, at);
      for (const share of [told?.newestHour, told?.window]) {
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThanOrEqual(1 + 1e-12);
      }
    }),
  );
  const later = { start: at, end: new Date(at.getTime() + hourMs) };
  expect(completenessOf(curve, later, at)).toBeUndefined();
  const longAgo = { start: new Date(at.getTime() - 20 * dayMs), end: new Date(at.getTime() - 10 * dayMs) };
  expect(completenessOf(curve, longAgo, at)).toMatchObject({ newestHour: 1, window: 1 });
});
