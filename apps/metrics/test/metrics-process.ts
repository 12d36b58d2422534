import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { acceptServices } from '@parley/access';
import { AccessService } from '@parley/contracts/parley/ingestion/v1/access_service';
import { Scope } from '@parley/contracts/parley/ingestion/v1/access_service';
import { EventLogService, LogEventSchema } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import type { LogEvent } from '@parley/event';
import { createHealthRegistry, startRpcServer } from '@parley/rpc';
import { systemNow } from '@parley/runtime';
import { onTestFinished } from 'vitest';
import { tenantA } from './events.ts';
import { logger, partition } from './metrics-database.ts';
import { operatorKey, serviceSecret } from './service-fixture.ts';
import type { SimulatedLog } from './simulated-log.ts';

/** What `node` runs. */
export const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
export const tenantKey = 'the-key-of-the-tenant';

export function run(env: Readonly<Record<string, string>>, ...command: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [main, ...command], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

export async function exitCode(child: ChildProcess): Promise<unknown> {
  const [code] = await once(child, 'exit');
  return code;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** What metrics calls of ingestion, over a log in memory. */
export async function startLogServer(log: SimulatedLog): Promise<string> {
  const server = await startRpcServer({
    port: 0,
    routes: (router) => {
      router
        .service(EventLogService, {
          async listPartitions(_, { signal }) {
            const heads = await log.heads(signal);
            return {
              partitions: [...heads].map(([number, headOffset]) => ({ partition: number, headOffset })),
            };
          },
          listSeals: () => ({ seals: [] }),
          async *tail(request, { signal }) {
            for await (const { events, headOffset } of log.tail({ ...request, signal })) {
              yield { events: events.map(toMessage), headOffset };
            }
          },
        })
        .service(AccessService, {
          resolveCredential({ credential }) {
            if (credential === operatorKey) return { caller: { case: 'operatorCaller', value: {} } };
            if (credential !== tenantKey) return {};
            const tenant = { tenantId: tenantA, name: 'a', partition, timeZone: 'UTC', currencyCode: 'USD' };
            return { caller: { case: 'tenantCaller', value: { tenant, keyId: 'k', scopes: [Scope.READ] } } };
          },
        });
    },
    access: {
      [EventLogService.typeName]: { callers: ['service'], tenant: 'none' },
      [AccessService.typeName]: { callers: ['service'], tenant: 'none' },
    },
    resolver: acceptServices(serviceSecret, { resolve: async () => undefined }),
    health: createHealthRegistry(),
    logger,
    now: systemNow,
  });
  onTestFinished(() => server.close(100));
  return server.url;
}

function toMessage({ offset, tenantId, kind, eventKey, occurredAt, receivedAt, body }: LogEvent) {
  return create(LogEventSchema, {
    logOffset: offset,
    tenantId: Buffer.from(tenantId.replaceAll('-', ''), 'hex'),
    kind,
    eventKey: Buffer.from(eventKey.replaceAll('-', ''), 'hex'),
    occurredAt: timestampFromDate(occurredAt),
    receivedAt: timestampFromDate(receivedAt),
    ...(body && { body: Uint8Array.from(body) }),
  });
}
