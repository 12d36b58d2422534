import { Code, ConnectError } from '@connectrpc/connect';
import { QuotaFailureSchema, RetryInfoSchema } from '@parley/contracts/google/rpc/error_details';
import { sleep } from '@parley/runtime';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { startService } from './service-fixture.ts';
import type { TestTenant } from './service-fixture.ts';

const cluster = await testCluster();
const { tenant, admin } = await startService(cluster, { atEnd: afterAll });

/** How long each write to the log takes at least: a slow disk. A thousand events then go into one. */
const writeMs = 500;
const batchSize = 1_000;
/** Eight times what can be written. */
const floodPauseMs = writeMs / 8;
const steadyPauseMs = 50;

/** Two tenants whose events are written one after the other. */
async function neighbours(): Promise<readonly [TestTenant, TestTenant]> {
  const first = await tenant();
  for (;;) {
    const other = await tenant();
    if (other.tenant.partition === first.tenant.partition) return [first, other];
  }
}

/**
 * Comes again as long as a call is told that the database is away, as a client does: on a busy machine a new connection may
 * take longer than a call waits for it. That is no refusal of the log's queue, which is what this is about.
 */
async function untilTheDatabaseIsThere<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      const { code } = ConnectError.from(error);
      if (code !== Code.Unavailable || attempt === 10) throw error;
      await sleep(1_000);
    }
  }
}

/** Sends an interaction every 50 ms, and tells how long each took, in order of length, and what was refused. */
async function sendSteadily({ clients }: TestTenant, name: string, count: number) {
  const latencies: number[] = [];
  const failures: unknown[] = [];
  const calls: Promise<unknown>[] = [];
  for (let number = 0; number < count; number += 1) {
    const startedAt = performance.now();
    const interaction = { botId: 'bot-1', messageText: 'hello', intent: 'greeting' };
    calls.push(
      untilTheDatabaseIsThere(() =>
        clients.ingestion.recordInteraction(
          { eventId: `${name}-${number}`, interaction },
          { timeoutMs: 60_000 },
        ),
      ).then(
        () => latencies.push(performance.now() - startedAt),
        (error: unknown) => failures.push(error),
      ),
    );
    await sleep(steadyPauseMs);
  }
  await Promise.all(calls);
  return { latencies: latencies.toSorted((one, other) => one - other), failures };
}

const p99 = (sorted: readonly number[]): number => sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0;

test('a tenant that sends eight times what can be written is told to wait, and slows its neighbour down by little', async () => {
  const [busy, quiet] = await neighbours();
  await admin.query(`create function ingestion.slow_down() returns trigger language plpgsql as
    $$ begin perform pg_sleep(${writeMs / 1000}); return null; end $$`);
  await admin.query(
    'create trigger slow_down before insert on ingestion.events for each statement execute function ingestion.slow_down()',
  );
  const idle = await sendSteadily(quiet, 'idle', 60);

  let isOver = false;
  let accepted = 0;
  const refusals: ConnectError[] = [];
  const calls: Promise<unknown>[] = [];
  const flood = async (): Promise<void> => {
    for (let number = 0; !isOver; number += 1) {
      const events = Array.from({ length: batchSize }, (_, index) => ({
        eventId: `flood-${number}-${index}`,
        payload: { case: 'interaction' as const, value: { botId: 'bot-1' } },
      }));
      calls.push(
        untilTheDatabaseIsThere(() =>
          busy.clients.ingestion.recordEvents({ events }, { timeoutMs: 120_000 }),
        ).then(
          () => (accepted += batchSize),
          (error: unknown) => refusals.push(ConnectError.from(error)),
        ),
      );
      await sleep(floodPauseMs);
    }
  };
  const flooding = flood();
  // Until there is no room for more of it.
  while (refusals.length === 0) await sleep(20);
  const flooded = await sendSteadily(quiet, 'flooded', 100);
  isOver = true;
  await flooding;
  await admin.query('drop trigger slow_down on ingestion.events');
  await Promise.all(calls);

  expect(idle.failures).toEqual([]);
  expect(flooded.failures).toEqual([]);
  const ratio = p99(flooded.latencies) / p99(idle.latencies);
  console.info(
    `p99 ${p99(idle.latencies).toFixed(0)} ms alone, ${p99(flooded.latencies).toFixed(0)} ms beside the flood: ${ratio.toFixed(2)}; ${accepted} events of it accepted, ${refusals.length} calls refused`,
  );
  expect(ratio).toBeLessThan(5);
  // It got what was left to it, and was told when to come again.
  expect(accepted).toBeGreaterThan(10 * batchSize);
  const saysHow = (refusal: ConnectError): boolean =>
    refusal.code === Code.ResourceExhausted &&
    refusal.findDetails(RetryInfoSchema).length === 1 &&
    refusal.findDetails(QuotaFailureSchema)[0]?.violations[0]?.subject === `tenant:${busy.tenant.tenantId}`;
  expect(refusals.filter((refusal) => !saysHow(refusal)).map(String)).toEqual([]);
}, 120_000);
