import { expect, test } from 'vitest';
import { sleep } from './sleep.ts';

test('an aborted sleep rejects with the reason of its signal, also when it was aborted before', async () => {
  const stop = new AbortController();
  const sleeping = sleep(60_000, stop.signal);
  stop.abort(new Error('stopped'));
  await expect(sleeping).rejects.toThrow('stopped');
  await expect(sleep(60_000, stop.signal)).rejects.toThrow('stopped');
});
