import { Client, credentials, Metadata } from '@grpc/grpc-js';

/** Calls by bytes that were encoded beforehand, so that the client costs as little as it can. */
export interface WireClient {
  /** A unary call of `service/Method`. Rejects with what the server said. */
  call(method: string, key: string, request: Buffer): Promise<Buffer>;
  close(): void;
}

const callMs = 60_000;
const asIs = (bytes: Buffer): Buffer => bytes;

/** A client by @grpc/grpc-js over one connection. */
export function openWireClient(url: string): WireClient {
  const client = new Client(new URL(url).host, credentials.createInsecure());
  return {
    call: (method, key, request) =>
      new Promise((resolve, reject) => {
        const metadata = new Metadata();
        metadata.set('authorization', `Bearer ${key}`);
        const options = { deadline: performance.timeOrigin + performance.now() + callMs };
        client.makeUnaryRequest(`/${method}`, asIs, asIs, request, metadata, options, (error, response) => {
          if (error !== null) reject(error);
          else if (response === undefined) reject(new Error(`${method} answered nothing.`));
          else resolve(response);
        });
      }),
    close: () => client.close(),
  };
}

/** How calls went. */
export interface CallTimes {
  readonly seconds: number;
  /** Of each call, in the order in which they ended. */
  readonly latenciesMs: readonly number[];
}

/** Makes calls, `concurrency` of them at a time. The first that fails ends it. */
export async function callConcurrently(
  concurrency: number,
  calls: readonly (() => Promise<unknown>)[],
): Promise<CallTimes> {
  const latenciesMs: number[] = [];
  const queue = calls.values();
  const startedAt = performance.now();
  const work = async (): Promise<void> => {
    for (const call of queue) {
      const calledAt = performance.now();
      await call();
      latenciesMs.push(performance.now() - calledAt);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return { seconds: (performance.now() - startedAt) / 1_000, latenciesMs };
}
