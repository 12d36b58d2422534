import { expect, test } from 'vitest';
import { createClosers } from './closers.ts';
import { createLogger } from './logger.ts';
import { sleep } from './sleep.ts';

const quiet = createLogger({ service: 'test', level: 'silent' });

test('the last opened is closed first, and closing again changes nothing', async () => {
  const closed: string[] = [];
  const closers = createClosers(quiet);
  closers.push('database', () => void closed.push('database'));
  closers.push('server', async () => {
    await sleep(5);
    closed.push('server');
  });
  expect(await closers.close(1000)).toBe(true);
  expect(await closers.close(1000)).toBe(true);
  expect(closed).toEqual(['server', 'database']);
});

test('a closer that hangs or throws does not keep the others from closing', async () => {
  const closed: string[] = [];
  const lines: string[] = [];
  const logger = createLogger({
    service: 'test',
    level: 'error',
    destination: { write: (l) => lines.push(l) },
  });
  const closers = createClosers(logger);
  closers.push('database', () => void closed.push('database'));
  closers.push('broken', () => {
    throw new Error('no');
  });
  closers.push('stuck', () => new Promise(() => undefined));
  const before = performance.now();
  expect(await closers.close(100)).toBe(false);
  expect(performance.now() - before).toBeLessThan(1000);
  expect(closed).toEqual(['database']);
  expect(lines).toHaveLength(2);
});

test('what is opened while closing is closed too', async () => {
  const closers = createClosers(quiet);
  await closers.close(100);
  const late = await new Promise((resolve) => closers.push('late', () => resolve('closed')));
  expect(late).toBe('closed');
});
