// A server in a process of its own, for what has to be measured apart from its clients.
import process from 'node:process';
import { createLogger } from '@parley/runtime';
import { createHealthRegistry, startRpcServer, type RpcLimits } from '../src/index.ts';
import { access, resolver, routes } from './service-under-test.ts';

const server = await startRpcServer({
  port: 0,
  routes,
  access,
  resolver,
  health: createHealthRegistry(),
  limits: JSON.parse(process.argv[2] ?? '{}') as Partial<RpcLimits>,
  logger: createLogger({ service: 'test', level: 'error' }),
  now: () => new Date(),
});

let mostBytesInFlight = 0;
let mostRss = 0;
setInterval(() => {
  mostBytesInFlight = Math.max(mostBytesInFlight, server.bytesInFlight());
  mostRss = Math.max(mostRss, process.memoryUsage.rss());
}, 5);

process.on('message', () => {
  // What is held, without what is only waiting to be collected.
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  process.send?.({
    bytesInFlight: server.bytesInFlight(),
    callsInFlight: server.callsInFlight(),
    connections: server.connectionCount(),
    mostBytesInFlight,
    heldMemory: heapUsed + external,
    mostRss,
  });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ url: server.url });
