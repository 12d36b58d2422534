import { expect, test } from 'vitest';
import { createLogger } from './logger.ts';
import { withRequestContext } from './request-context.ts';

function loggerTo(lines: string[]) {
  return createLogger({
    service: 'metrics',
    level: 'info',
    destination: { write: (line) => lines.push(line) },
  });
}

test('a line is one JSON object with service, level, time and the request id of the request being answered', async () => {
  const lines: string[] = [];
  const logger = loggerTo(lines);
  await withRequestContext({ requestId: 'r-1' }, async () => {
    await Promise.resolve();
    logger.info({ rows: 3 }, 'line\nbreak');
  });
  logger.info('outside');
  expect(lines.map((line) => line.match(/\n/g)?.length)).toEqual([1, 1]);
  const [inside, outside] = lines.map((line): unknown => JSON.parse(line));
  expect(inside).toMatchObject({
    service: 'metrics',
    level: 'info',
    requestId: 'r-1',
    rows: 3,
    msg: 'line\nbreak',
  });
  expect(outside).not.toHaveProperty('requestId');
});

test('credentials are not written', () => {
  const lines: string[] = [];
  const logger = loggerTo(lines);
  logger.info(
    { authorization: 'planted', headers: { authorization: 'planted' }, a: { b: { secret: 'planted' } } },
    'x',
  );
  expect(lines.join()).not.toContain('planted');
});

test('an error is written with its stack and its causes', () => {
  const lines: string[] = [];
  loggerTo(lines).error({ error: new Error('outer', { cause: new Error('inner') }) }, 'failed');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    error: { message: 'outer', stack: expect.any(String), cause: { message: 'inner' } },
  });
});
