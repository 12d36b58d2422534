import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ClientStats } from '../src/index.ts';

const source = join(import.meta.dirname, '..', 'src', 'index.ts');

test('with the service away, 100,000 events take no more memory than the bounds say', () => {
  // Otherwise what was let go of is freed beside the program, at some later time.
  const flags = ['--expose-gc', '--single-threaded-gc'];
  const out = execFileSync(process.execPath, [...flags, join(import.meta.dirname, 'hold-events.ts')], {
    encoding: 'utf8',
    timeout: 55_000,
  });
  const { maxQueueBytes, growth, told, stats } = JSON.parse(out) as {
    maxQueueBytes: number;
    growth: number;
    told: number;
    stats: ClientStats;
  };
  expect(stats.recorded).toBe(100_000);
  expect(stats.queued + stats.dropped).toBe(stats.recorded);
  expect(told).toBe(stats.dropped);
  expect(stats.queuedBytes).toBeLessThanOrEqual(maxQueueBytes);
  expect(stats.queuedBytes).toBeGreaterThan(maxQueueBytes * 0.99);
  // The queue once, the requests under way, and the objects around each event; all that was recorded is 25 times that.
  expect(growth).toBeLessThan(2 * maxQueueBytes);
}, 60_000);

test.each(['connect', 'grpc'])('a process that forgets to shut down over %s ends by itself', (transport) => {
  const script = `
    const { createParleyClient } = await import(${JSON.stringify(source)});
    const client = createParleyClient({ url: 'http://127.0.0.1:9', key: 'k', transport: '${transport}', maxAgeMs: 1 });
    client.interaction({ botId: 'bot' });
    await client.flush({ timeoutMs: 300 });
    client.interaction({ botId: 'bot' });`;
  const startedAt = performance.now();
  execFileSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 25_000 });
  // Less than a call may take: nothing was waited for.
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});
