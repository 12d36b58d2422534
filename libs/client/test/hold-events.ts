// Records 100,000 events while the service is away, and prints the memory that this took as a line of JSON. Run with
// --expose-gc --single-threaded-gc.
import { setTimeout } from 'node:timers/promises';
import { createParleyClient } from '../src/index.ts';

const maxQueueBytes = 4 * 1024 * 1024;

function heldBytes(): number {
  if (!globalThis.gc) throw new Error('Run it with --expose-gc.');
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

let told = 0;
const client = createParleyClient({
  url: 'http://127.0.0.1:9',
  key: 'k',
  maxQueueBytes,
  maxAgeMs: 10,
  onDrop: () => told++,
});
client.interaction({ botId: 'bot', messageText: 'the first one loads what is needed' });
await client.flush({ timeoutMs: 50 });
const before = heldBytes();
let highest = 0;
for (let index = 1; index < 100_000; index++) {
  client.interaction({ botId: 'bot', messageText: `${index} `.padEnd(1000, 'x') });
  if (index % 10_000 === 0) {
    await setTimeout(5);
    highest = Math.max(highest, heldBytes());
  }
}
console.log(JSON.stringify({ maxQueueBytes, growth: highest - before, told, stats: client.stats() }));
