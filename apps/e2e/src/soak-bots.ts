import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientStats, ParleyClientOptions } from '@parley/client';
import { startChild, type Child } from './child-process.ts';
import { pick } from './seeded-random.ts';
import { openSoakLedger, readSoakLedger } from './soak-ledger.ts';
import { eventually } from './within.ts';

/** What a bot of the soak is to do. */
export interface SoakBotTask {
  readonly bot: number;
  /** Its events' indices, half-open. */
  readonly from: number;
  readonly until: number;
  readonly eventsPerSecond: number;
  /** File of its `SoakLedger`. */
  readonly ledger: string;
  readonly client: ParleyClientOptions;
}

/** How a bot says it is; a line of its stdout. */
export interface SoakBotReport {
  /** Index of the event that it reports next. */
  readonly next: number;
  /** Everything is reported and delivered. */
  readonly isDone: boolean;
  readonly rssMiB: number;
  readonly stats: ClientStats;
}

/** A bot through all its lives. */
export interface SoakBot {
  readonly number: number;
  readonly tenant: string;
  readonly ledger: string;
  /** Where it and its neighbours spill. */
  readonly spillFolder: string;
  /** Whether its disk is so small that an outage makes it drop events. */
  readonly isTight: boolean;
  readonly client: ParleyClientOptions;
  readonly until: number;
}

/** What became of the bots' lives, all together. */
export interface SoakBotsReport {
  /** By SIGKILL, and by SIGTERM with less time than it takes to deliver. */
  readonly killed: number;
  readonly ended: number;
  /** Events in calls less those that were answered: sent once more than needed. */
  readonly repeated: number;
  readonly duplicates: number;
  /** Taken over from the disk of bots that had ended. */
  readonly recovered: number;
  readonly spilled: number;
  /** The most that one held, in memory and on disk. */
  readonly mostQueued: number;
  readonly mostRssMiB: number;
  /** What must not be. */
  readonly faults: readonly string[];
}

const queueEvents = 1000;
/** Full within a second of an outage at the pace of the short form. */
const tightDiskBytes = 64 * 1024;
const botsOfTenant = 2;

export function planBots(options: {
  readonly folder: string;
  readonly url: string;
  readonly clients: number;
  readonly events: number;
  /** A key by tenant, of which there is one for two bots. */
  readonly keys: ReadonlyMap<string, string>;
}): SoakBot[] {
  const { folder, url, clients, events, keys } = options;
  return Array.from({ length: clients }, (_, number) => {
    const tenant = tenantOf(number);
    const isTight = number % 4 === 3;
    const spillFolder = join(folder, 'spill', tenant);
    return {
      number,
      tenant,
      ledger: join(folder, `bot-${number}.jsonl`),
      spillFolder,
      isTight,
      until: Math.ceil(events / clients),
      client: {
        url,
        key: keys.get(tenant) ?? '',
        transport: number % 2 === 0 ? ('connect' as const) : ('grpc' as const),
        maxQueueEvents: queueEvents,
        maxAgeMs: 200,
        longestPauseMs: 2000,
        spill: { folder: spillFolder, maxBytes: isTight ? tightDiskBytes : 1024 ** 3 },
      },
    };
  });
}

export const tenantOf = (bot: number): string => `soak-${Math.floor(bot / botsOfTenant)}`;

/** The bots as processes: each is started again when it was killed, until all its events are delivered. */
export class SoakBots {
  readonly #bots: readonly SoakBot[];
  readonly #eventsPerSecond: number;
  readonly #running = new Map<number, Child>();
  /** The last of each bot's present or last life. */
  readonly #reports = new Map<number, SoakBotReport>();
  readonly #next = new Map<number, number>();
  readonly #past: ClientStats[] = [];
  readonly #faults: string[] = [];
  readonly #lives: Promise<void>[] = [];
  #killed = 0;
  #ended = 0;
  #mostQueued = 0;
  #mostRssMiB = 0;
  #isStopped = false;

  /** `eventsPerSecond` is the pace of each. */
  constructor(bots: readonly SoakBot[], eventsPerSecond: number) {
    this.#bots = bots;
    this.#eventsPerSecond = eventsPerSecond;
  }

  async start(): Promise<void> {
    for (const bot of this.#bots) {
      await mkdir(bot.spillFolder, { recursive: true });
      this.#lives.push(this.#live(bot));
    }
  }

  /** Events that were reported so far. */
  get reported(): number {
    return [...this.#next.values()].reduce((sum, next) => sum + next, 0);
  }

  /** Events held by those that run, in memory and on disk. */
  get queued(): number {
    return [...this.#running.keys()].reduce(
      (sum, bot) => sum + (this.#reports.get(bot)?.stats.queued ?? 0),
      0,
    );
  }

  get dropped(): number {
    return this.#sum(({ dropped }) => dropped);
  }

  get isOver(): boolean {
    return this.#running.size === 0 && (this.#isStopped || this.#bots.every((bot) => this.#isDone(bot)));
  }

  /** Ends one of those that run, mostly at once; returns when it is gone. */
  async killOne(random: () => number): Promise<void> {
    const child = pick(random, [...this.#running.values()]);
    if (!child) return;
    child.signal(random() < 0.8 ? 'SIGKILL' : 'SIGTERM');
    await child.exited;
  }

  /** Takes over and delivers what is left on the disks, by a bot for each that reports nothing itself. */
  async drain(patienceMs: number): Promise<void> {
    const last = new Map(this.#bots.map((bot) => [bot.spillFolder, bot]));
    await Promise.all(
      [...last.values()].map(async (bot) => {
        const child = this.#begin(bot, bot.until);
        const listening = this.#listen(bot, child);
        await eventually(patienceMs, `the rest of ${bot.tenant}`, () =>
          Promise.resolve(child.hasExited() ? true : undefined),
        ).finally(() => child.signal('SIGKILL'));
        await listening;
        if (!this.#isDone(bot)) this.#faults.push(`what is left of ${bot.tenant} was not delivered`);
      }),
    );
  }

  /** Ends those that still run and starts none again. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const child of this.#running.values()) child.signal('SIGKILL');
    await Promise.all(this.#lives);
  }

  report(): SoakBotsReport {
    return {
      killed: this.#killed,
      ended: this.#ended,
      repeated: this.#sum(({ sent, accepted, duplicates }) => sent - accepted - duplicates),
      duplicates: this.#sum(({ duplicates }) => duplicates),
      recovered: this.#sum(({ recovered }) => recovered),
      spilled: this.#sum(({ spilled }) => spilled),
      mostQueued: this.#mostQueued,
      mostRssMiB: this.#mostRssMiB,
      faults: this.#faults,
    };
  }

  async #live(bot: SoakBot): Promise<void> {
    while (!this.#isStopped && !this.#isDone(bot)) {
      const { recorded } = readSoakLedger(bot.ledger);
      const child = this.#begin(bot, recorded);
      await this.#listen(bot, child);
      const { code, signal } = await child.exited;
      if (signal === 'SIGKILL') {
        openSoakLedger(bot.ledger).killed();
        this.#killed += 1;
      } else if (code === 0 || signal === 'SIGTERM') {
        if (!this.#isDone(bot)) this.#ended += 1;
      } else {
        this.#faults.push(`bot ${bot.number} ended by itself with ${code}: ${child.stderr().slice(-1000)}`);
        this.#isStopped = true;
      }
      // A supervisor takes a moment too.
      await sleep(200);
    }
  }

  #begin(bot: SoakBot, from: number): Child {
    const { number, ledger, client, until } = bot;
    const eventsPerSecond = this.#eventsPerSecond;
    const task: SoakBotTask = { bot: number, from, until, eventsPerSecond, ledger, client };
    const child = startChild({
      name: `bot ${number}`,
      command: ['node', 'apps/e2e/src/soak-bot.ts'],
      env: { SOAK_BOT: JSON.stringify(task) },
    });
    this.#running.set(number, child);
    this.#reports.delete(number);
    return child;
  }

  async #listen({ number }: SoakBot, child: Child): Promise<void> {
    let last: SoakBotReport | undefined;
    for await (const line of child.lines) {
      last = JSON.parse(line) as SoakBotReport;
      this.#reports.set(number, last);
      this.#next.set(number, last.next);
      this.#mostQueued = Math.max(this.#mostQueued, last.stats.queued);
      this.#mostRssMiB = Math.max(this.#mostRssMiB, last.rssMiB);
      const fault = faultOf(last.stats);
      if (fault !== undefined) this.#faults.push(`bot ${number}: ${fault}`);
    }
    await child.exited;
    if (last) this.#past.push(last.stats);
    this.#running.delete(number);
  }

  #isDone({ number }: SoakBot): boolean {
    return this.#reports.get(number)?.isDone === true;
  }

  #sum(of: (stats: ClientStats) => number): number {
    const now = [...this.#running.keys()].flatMap((bot) => this.#reports.get(bot)?.stats ?? []);
    return [...this.#past, ...now].reduce((sum, stats) => sum + of(stats), 0);
  }
}

/** Whether each event that was recorded or recovered is in exactly one of the other counts. */
function faultOf(stats: ClientStats): string | undefined {
  const { accepted, duplicates, rejected, conflicts, dropped, optedOut, queued } = stats;
  const out = accepted + duplicates + rejected + conflicts + dropped + optedOut + queued;
  if (out !== stats.recorded + stats.recovered) return `the counts don't add up: ${JSON.stringify(stats)}`;
  if (rejected + conflicts > 0) return `events were refused: ${JSON.stringify(stats)}`;
  return undefined;
}
