import { fork } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import type { RpcLimits } from '../src/index.ts';

/** Of the server's process; memory in bytes. */
export interface Usage {
  readonly bytesInFlight: number;
  readonly callsInFlight: number;
  readonly connections: number;
  readonly mostBytesInFlight: number;
  readonly heldMemory: number;
  readonly mostRss: number;
}

/** A server whose memory and event loop are not those of its clients too. */
export async function startServerProcess(limits: Partial<RpcLimits>) {
  const child = fork(new URL('server-process.ts', import.meta.url), [JSON.stringify(limits)], {
    execArgv: ['--expose-gc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  const usage = async (): Promise<Usage> => {
    child.send('usage');
    const [answer] = (await once(child, 'message')) as [Usage];
    return answer;
  };
  return { url, usage };
}
