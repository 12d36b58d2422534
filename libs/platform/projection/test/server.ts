import type { Caller } from '@parley/access';
import { createHealthRegistry, createTransportTo, startRpcServer } from '@parley/rpc';
import type { AccessPolicy, ClientTransport, Routes, RpcLimits, RpcServer } from '@parley/rpc';
import { onTestFinished } from 'vitest';
import { quiet } from './words.ts';

const callers: Readonly<Record<string, Caller>> = {
  operator: { kind: 'operator' },
  service: { kind: 'service', name: 'metrics' },
  tenant: {
    kind: 'tenant',
    tenant: { tenantId: 't-1', name: 'shop', partition: 0, timeZone: 'UTC', currency: 'USD' },
    keyId: 'k-1',
    scopes: ['admin'],
  },
};

/** On a real socket; the credentials are the callers' kinds. Closed after the test. */
export async function serve(options: {
  routes: Routes;
  access: AccessPolicy;
  limits?: Partial<RpcLimits>;
  port?: number;
}): Promise<RpcServer> {
  const server = await startRpcServer({
    port: 0,
    health: createHealthRegistry(),
    resolver: { resolve: async (credential) => callers[credential] },
    logger: quiet(),
    now: () => new Date(),
    ...options,
  });
  onTestFinished(() => server.close(0));
  return server;
}

/** Not repeating calls, so that a test sees every answer. */
export function transportTo({ url }: RpcServer, credential: string): ClientTransport {
  const transport = createTransportTo({ baseUrl: url, credential, retry: false });
  onTestFinished(() => transport.close());
  return transport;
}
