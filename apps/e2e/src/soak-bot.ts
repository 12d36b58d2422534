// A bot of the soak: reports events by the SDK at a steady pace, as SOAK_BOT says, writes down what it knows of them, and
// says each quarter of a second how it is, until all are reported and delivered or it is killed. SIGTERM ends it early.
import { setTimeout as sleep } from 'node:timers/promises';
import process from 'node:process';
import { createParleyClient, type ParleyClientOptions } from '@parley/client';
import type { SoakBotReport, SoakBotTask } from './soak-bots.ts';
import { openSoakLedger, type DroppedNumber } from './soak-ledger.ts';
import { numberOf, report, soakEvent, type EventNumber } from './soak-traffic.ts';

const tickMs = 20;
const reportMs = 250;
/** A bot that was held up makes good for it in portions, as its callers would come. */
const mostInTick = 500;
/** For the last events to be delivered; whoever started it may have less patience. */
const lastFlushMs = 600_000;
const hastyFlushMs = 300;

const task = JSON.parse(process.env['SOAK_BOT'] ?? '') as SoakBotTask;
const ledger = openSoakLedger(task.ledger);
let delivered: EventNumber[] = [];
let dropped: DroppedNumber[] = [];
const options: ParleyClientOptions = {
  ...task.client,
  onDelivered({ id, kind }) {
    const number = numberOf(kind, id);
    if (number) delivered.push(number);
  },
  onDrop({ id, kind, reason }) {
    const number = numberOf(kind, id);
    if (number) dropped.push({ ...number, reason });
  },
};
const client = createParleyClient(options);
let next = task.from;
let isEnding = false;

function writeDown(): void {
  if (delivered.length > 0) ledger.delivered(delivered);
  if (dropped.length > 0) ledger.dropped(dropped);
  [delivered, dropped] = [[], []];
  const stats = client.stats();
  if (stats.spilled + stats.dropped === stats.recorded) ledger.durable(next);
}

function say(isDone: boolean): void {
  const rssMiB = Math.round(process.memoryUsage.rss() / 1024 / 1024);
  const line: SoakBotReport = { next, isDone, rssMiB, stats: client.stats() };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const saying = setInterval(() => say(false), reportMs);
async function end(flushMs: number): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  clearInterval(saying);
  // It goes on saying how it is while it waits.
  const waiting = setInterval(() => (writeDown(), say(false)), reportMs);
  const { complete } = await client.shutdown({ timeoutMs: flushMs });
  clearInterval(waiting);
  writeDown();
  say(complete && next === task.until);
  process.exit(0);
}
process.once('SIGTERM', () => void end(hastyFlushMs));

const startedAt = performance.now();
while (next < task.until) {
  await sleep(tickMs);
  writeDown();
  if (isEnding) break;
  const due = task.from + Math.floor(((performance.now() - startedAt) / 1000) * task.eventsPerSecond);
  const until = Math.min(due, next + mostInTick, task.until);
  if (until <= next) continue;
  ledger.recording(until);
  for (; next < until; next += 1) report(client, soakEvent({ bot: task.bot, index: next }));
}
await end(lastFlushMs);
