import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema } from '@parley/contracts/google/rpc/error_details';
import type { WatchRealTimeMetricsResponse } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { testCluster } from '@parley/testing';
import { expect, onTestFinished, test } from 'vitest';
import { event, tenantB } from './events.ts';
import type { NewEvent } from './events.ts';
import { startService } from './service-fixture.ts';
import type { MetricsClient } from './service-fixture.ts';

const cluster = await testCluster();
const minute = 60_000;

function said(id: string, at: Date, rest: object = {}, tenantId?: string): NewEvent {
  return event(
    { case: 'interaction', value: { botId: 'sales', ...rest } },
    { id, at, ...(tenantId === undefined ? {} : { tenantId }) },
  );
}

/** A stream that is read message by message. */
function watch(client: MetricsClient, request: { scope?: { botId: string }; resumeToken?: string } = {}) {
  const end = new AbortController();
  const messages = client.watchRealTimeMetrics(request, { signal: end.signal })[Symbol.asyncIterator]();
  onTestFinished(() => end.abort());
  return {
    async next(): Promise<WatchRealTimeMetricsResponse> {
      const { value, done } = await messages.next();
      if (done === true) throw new Error('The stream ended.');
      return value;
    },
    end: () => end.abort(),
  };
}

const countOf = ({ metrics }: WatchRealTimeMetricsResponse) => metrics?.interactionsPerMinute?.numerator;

test('a stream gives everything at first and then only what changed', async () => {
  const { tell, a } = await startService(cluster);
  await tell([said('i1', new Date(), { responseTimeMs: 100n })]);
  const stream = watch(a);
  const first = await stream.next();
  expect(first).toMatchObject({
    snapshot: true,
    metrics: {
      interactionsPerMinute: { numerator: 1 },
      conversionRate: { value: 0, hasData: true },
      avgResponseTime: { value: 100 },
      windowSeconds: 3600n,
    },
  });

  await tell([said('i2', new Date())]);
  const second = await stream.next();
  expect(second.snapshot).toBe(false);
  expect(countOf(second)).toBe(2);
  // No response time came, so its mean is what it was.
  expect(second.metrics?.avgResponseTime).toBeUndefined();
  expect(second.context?.watermark?.position).not.toBe(first.context?.watermark?.position);
});

test('who comes back with a token gets only what changed meanwhile, from another process too', async () => {
  const { tell, a, b } = await startService(cluster);
  await tell([said('i1', new Date(), { responseTimeMs: 100n })]);
  const left = watch(a);
  const { resumeToken } = await left.next();
  left.end();
  await tell([said('i2', new Date())]);

  const resumed = await watch(a, { resumeToken }).next();
  expect(resumed.snapshot).toBe(false);
  expect(countOf(resumed)).toBe(2);
  expect(resumed.metrics?.avgResponseTime).toBeUndefined();

  // The token holds what this client knew and nothing else: another tenant's stream stays that tenant's.
  const foreign = await watch(b, { resumeToken }).next();
  expect(countOf(foreign)).toBe(0);
});

test('a token of more than ten minutes ago gets everything anew, and text that is none is refused', async () => {
  let at = new Date('2026-03-08T12:00:00Z');
  const { tell, a } = await startService(cluster, { now: () => at });
  await tell([said('i1', at)]);
  const { resumeToken } = await watch(a).next();
  at = new Date(at.getTime() + 11 * minute);
  expect(await watch(a, { resumeToken }).next()).toMatchObject({ snapshot: true });

  for (const text of ['here', 'AAAA']) {
    const error = ConnectError.from(
      await watch(a, { resumeToken: text })
        .next()
        .catch((reason: unknown) => reason),
    );
    expect([error.code, error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field]).toEqual([
      Code.InvalidArgument,
      'resume_token',
    ]);
  }
});

test('events leave the last hour also while none come', async () => {
  let at = new Date('2026-03-08T12:00:00Z');
  const { tell, a } = await startService(cluster, { now: () => at });
  await tell([said('i1', new Date(at.getTime() - minute))]);
  const stream = watch(a);
  expect(countOf(await stream.next())).toBe(1);
  at = new Date(at.getTime() + 61 * minute);
  expect(countOf(await stream.next())).toBe(0);
});

test('each stream is of its own tenant and bot', async () => {
  const { tell, a, b } = await startService(cluster);
  await tell([
    said('i1', new Date()),
    said('i2', new Date(), { botId: 'help' }),
    said('i3', new Date(), {}, tenantB),
  ]);
  const streams = [watch(a), watch(a, { scope: { botId: 'help' } }), watch(b)];
  const firsts = await Promise.all(streams.map((stream) => stream.next()));
  expect(firsts.map(countOf)).toEqual([2, 1, 1]);
  await tell([said('i4', new Date(), { botId: 'help' })]);
  expect(countOf((await streams[0]?.next()) ?? firsts[0]!)).toBe(3);
  expect(countOf((await streams[1]?.next()) ?? firsts[1]!)).toBe(2);
});
