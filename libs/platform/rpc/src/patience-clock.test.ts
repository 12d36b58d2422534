import { sleep } from '@parley/runtime';
import { expect, test } from 'vitest';
import { createPatienceClock, type Patience } from './patience-clock.ts';

const patience = (leftMs: number, more: Partial<Patience> = {}): Patience => ({
  leftMs,
  endsAt: Infinity,
  bytesRead: () => 0,
  ...more,
});

const tooSlow = { reason: 'MESSAGE_TOO_SLOW', kind: 'deadline-exceeded' };

/** Keeps the event loop busy. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('who sends a little now and then is given up when the time is used up, however it is spread', async () => {
  const clock = createPatienceClock();
  const client = patience(300);
  const from = performance.now();
  const drip = async () => {
    for (;;) await clock.wait(sleep(20), client);
  };
  await expect(drip()).rejects.toMatchObject(tooSlow);
  expect(performance.now() - from).toBeGreaterThan(250);
  expect(performance.now() - from).toBeLessThan(2000);
});

test('what came while the event loop was busy came in time', async () => {
  const clock = createPatienceClock();
  const client = patience(350);
  for (let i = 0; i < 3; i++) {
    const came = clock.wait(sleep(10), client);
    block(500);
    await came;
  }
  expect(client.leftMs).toBeGreaterThan(0);
});

test('time does not count while the connection brings what it can, and ends with the call', async () => {
  const clock = createPatienceClock();
  const busy = patience(150, { bytesRead: () => performance.now() * 1000 });
  await clock.wait(sleep(500), busy);
  expect(busy.leftMs).toBe(150);
  const ending = patience(60_000, { bytesRead: busy.bytesRead, endsAt: performance.now() + 150 });
  await expect(clock.wait(new Promise(() => undefined), ending)).rejects.toMatchObject(tooSlow);
});

test('what fails while it is waited for fails as itself', async () => {
  const failure = new Error('reset');
  await expect(createPatienceClock().wait(Promise.reject(failure), patience(1000))).rejects.toBe(failure);
});
