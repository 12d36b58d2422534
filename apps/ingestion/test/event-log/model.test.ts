import { randomUUID } from 'node:crypto';
import { testCluster } from '@parley/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EventLog, NewEvent } from '../../src/event-log/event-log.ts';
import { groupCommitLimits } from '../../src/event-log/group-commit.ts';
import { event, logDatabase, offsetOf, read, textOf } from './log-fixture.ts';

const cluster = await testCluster();

const keys = Array.from({ length: 12 }, (_, index) => `0190a5e4-0000-7000-8000-0000000000${index + 10}`);
/** Contents that differ in bytes but not in meaning are told apart by case alone. */
const newEvent: fc.Arbitrary<NewEvent> = fc
  .record({
    text: fc.constantFrom('a', 'A', 'b'),
    eventKey: fc.constantFrom(...keys),
    tenantId: fc.constantFrom('first', 'second'),
    partition: fc.nat(2),
    kind: fc.constantFrom(1 as const, 2 as const),
  })
  .map(({ text, ...fields }) =>
    event(text, {
      ...fields,
      sameContentAs: (stored) => Buffer.from(stored).toString().toLowerCase() === text.toLowerCase(),
    }),
  );

const calls = fc.array(
  fc.record({ log: fc.nat(2), isAwaited: fc.boolean(), events: fc.array(newEvent, { maxLength: 15 }) }),
  { maxLength: 12 },
);

test('however events are repeated, batched and raced, the log is a map that keeps the first of each key', async () => {
  const { openLog } = await logDatabase(cluster);
  // Small limits, so that few events take all the ways that many do.
  const logs = await Promise.all(
    [1, 5, 1_000].map((fewEvents) =>
      openLog({ limits: { ...groupCommitLimits, fewEvents, eventsPerCommit: 7 } }),
    ),
  );
  await fc.assert(
    fc.asyncProperty(calls, async (plan) => {
      const tenants = { first: randomUUID(), second: randomUUID() };
      const before = await logs[0]!.heads(AbortSignal.timeout(5_000));
      const answers = [];
      for (const { log, isAwaited, events } of plan) {
        const sent = events.map((one) => ({
          ...one,
          tenantId: tenants[one.tenantId as keyof typeof tenants],
        }));
        const answer = logs[log]!.append(sent).then((results) =>
          results.map((result, index) => ({ event: sent[index]!, result })),
        );
        answers.push(answer);
        if (isAwaited) await answer;
      }
      const answered = (await Promise.all(answers)).flat();

      const stored = await contents(logs[0]!, before);
      const accepted = answered.filter(({ result }) => result.outcome === 'accepted');
      expect(new Map([...stored].map(([name, { text }]) => [name, text]))).toEqual(
        new Map(accepted.map((one) => [nameOf(one.event), one.event.body.toString()])),
      );
      expect(accepted).toHaveLength(stored.size);
      for (const { event: one, result } of answered) {
        const kept = stored.get(nameOf(one));
        const isSame = kept?.text?.toLowerCase() === one.body.toString().toLowerCase();
        expect(offsetOf(result)).toBe(kept?.offset);
        if (result.outcome !== 'accepted') expect(result.outcome).toBe(isSame ? 'duplicate' : 'conflict');
      }
    }),
    { numRuns: 100 },
  );
}, 120_000);

interface Kept {
  readonly text: string | undefined;
  readonly offset: bigint;
}

/** What has come since the heads stood there, by name; fails when a name is there twice. */
async function contents(
  log: EventLog,
  before: ReadonlyMap<number, bigint>,
): Promise<ReadonlyMap<string, Kept>> {
  const stored = new Map<string, Kept>();
  for (const [partition, head] of await log.heads(AbortSignal.timeout(5_000))) {
    const start = before.get(partition) ?? 0n;
    for (const one of await read(log, partition, Number(head - start), start)) {
      const name = nameOf({ ...one, partition });
      expect(stored.has(name)).toBe(false);
      stored.set(name, { text: textOf(one), offset: one.offset });
    }
  }
  return stored;
}

function nameOf({
  partition,
  tenantId,
  kind,
  eventKey,
}: Pick<NewEvent, 'partition' | 'tenantId' | 'kind' | 'eventKey'>): string {
  return `${partition} ${tenantId} ${kind} ${eventKey}`;
}
