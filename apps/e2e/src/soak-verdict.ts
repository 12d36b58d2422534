import { createClient } from '@connectrpc/connect';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { createTransportTo } from '@parley/rpc';
import { brokenLog, brokenProjections } from './invariants.ts';
import { figureFault, figuresOf, type FigureName } from './kpi-figures.ts';
import { query } from './query.ts';
import type { ServiceProcesses } from './service-processes.ts';
import type { SoakBot } from './soak-bots.ts';
import { readSoakLedger } from './soak-ledger.ts';
import { botName, soakTruth, soakWindow } from './soak-traffic.ts';
import { readStoredEvents, StoredEvents } from './stored-events.ts';
import { eventually } from './within.ts';

/** What the bots' own records and the log say of each other. */
export interface Reckoning {
  /** Events that bots reported. */
  readonly reported: number;
  /** Different ones in the log. */
  readonly stored: number;
  /** That the clients were told are stored. */
  readonly acknowledged: number;
  /** Acknowledged, or on disk by the client's own count, and neither stored nor dropped. */
  readonly lost: number;
  readonly twice: number;
  /** Not stored, and told to the bot's `onDrop`. */
  readonly dropped: number;
  /** Not stored, since their bot was killed before they were on disk. */
  readonly unwritten: number;
  /** The most of these by one kill: where the disk had room, and where it was full. */
  readonly mostUnwritten: number;
  readonly mostUnwrittenTight: number;
}

export interface SoakVerdict extends Reckoning {
  /** Until projections had caught up with the log; for verifying them. */
  readonly seconds: { readonly catchUp: number; readonly verify: number };
  /** What does not hold, in words; empty when all is well. */
  readonly broken: readonly string[];
}

/** Without an event more that is projected. */
const patienceMs = 180_000;
/** Of one projection. */
const verifyMs = 3_600_000;
const listed = 20;

/** Compares what bots that have ended wrote down, the log, the projections and the KPIs. */
export async function judgeSoak(
  processes: ServiceProcesses,
  plan: readonly SoakBot[],
  onProgress: (line: string) => void,
): Promise<SoakVerdict> {
  onProgress('comparing with the log');
  const { reckoning, broken, stored } = await compareWithLog(processes.databaseUrl, plan);
  broken.push(...(await brokenLog(processes)));

  onProgress('waiting for the projections');
  const from = performance.now();
  await caughtUp(processes);
  const caughtUpAt = performance.now();
  onProgress('comparing the KPIs and verifying');
  for (const [tenant, events] of stored) broken.push(...(await brokenKpis(processes, tenant, events)));
  broken.push(...(await brokenProjections(processes, verifyMs)));
  const seconds = {
    catchUp: Math.round((caughtUpAt - from) / 1000),
    verify: Math.round((performance.now() - caughtUpAt) / 1000),
  };
  return { ...reckoning, seconds, broken };
}

export interface LogComparison {
  readonly reckoning: Reckoning;
  readonly broken: string[];
  /** By tenant and bot. */
  readonly stored: ReadonlyMap<string, ReadonlyMap<number, StoredEvents>>;
}

/** Compares what the bots wrote down with the log alone. */
export async function compareWithLog(databaseUrl: string, plan: readonly SoakBot[]): Promise<LogComparison> {
  const broken: string[] = [];
  const stored = new Map<string, Map<number, StoredEvents>>();
  for (const [tenant, bots] of Map.groupBy(plan, (bot) => bot.tenant)) {
    const events = new Map(bots.map(({ number, until }) => [number, new StoredEvents(until)]));
    stored.set(tenant, events);
    broken.push(...(await readStoredEvents(databaseUrl, tenant, events)));
  }
  const reckoning = reckon(plan, new Map([...stored.values()].flatMap((events) => [...events])), broken);
  return { reckoning, broken, stored };
}

/** Accounts for every event that a bot reported. */
function reckon(
  plan: readonly SoakBot[],
  stored: ReadonlyMap<number, StoredEvents>,
  broken: string[],
): Reckoning {
  const records = new Map(plan.map(({ number, ledger }) => [number, readSoakLedger(ledger)]));
  const sets = (): Map<number, Set<number>> => new Map(plan.map(({ number }) => [number, new Set<number>()]));
  // By whose event it is: a bot also delivers and drops what its neighbours left.
  const acknowledged = sets();
  const dropped = sets();
  const cutOff = sets();
  for (const record of records.values()) {
    for (const { bot, index } of record.delivered) acknowledged.get(bot)?.add(index);
    for (const { bot, index, reason } of record.dropped) {
      dropped.get(bot)?.add(index);
      // The call that held it may have been answered only after the client had stopped listening.
      if (reason === 'shut-down') cutOff.get(bot)?.add(index);
    }
  }
  const sum = { reported: 0, stored: 0, acknowledged: 0, lost: 0, twice: 0, dropped: 0, unwritten: 0 };
  const most = { mostUnwritten: 0, mostUnwrittenTight: 0 };
  const tell = (line: string): void => void (broken.length < listed && broken.push(line));
  for (const { number, isTight, until } of plan) {
    const { recorded, gaps } = records.get(number) ?? { recorded: 0, gaps: [] };
    const events = stored.get(number) ?? new StoredEvents(0);
    const unwritten = gaps.map(() => 0);
    if (recorded !== until) tell(`bot ${number} reported ${recorded} of ${until} events`);
    for (let index = 0; index < recorded; index += 1) {
      const isAcknowledged = acknowledged.get(number)?.has(index) === true;
      const isDropped = dropped.get(number)?.has(index) === true;
      const times = events.times(index);
      sum.reported += 1;
      if (isAcknowledged) sum.acknowledged += 1;
      if (times > 0) sum.stored += 1;
      if (times > 1) {
        sum.twice += 1;
        tell(`event ${index} of bot ${number} is stored ${times} times`);
      }
      if (times > 0 && isDropped && cutOff.get(number)?.has(index) !== true)
        tell(`event ${index} of bot ${number} was dropped and is stored`);
      if (times > 0) continue;
      const gap = gaps.findIndex(({ from, until: end }) => from <= index && index < end);
      if (isDropped && !isAcknowledged) sum.dropped += 1;
      else if (gap >= 0 && !isAcknowledged) {
        sum.unwritten += 1;
        unwritten[gap] = (unwritten[gap] ?? 0) + 1;
      } else {
        sum.lost += 1;
        tell(`event ${index} of bot ${number} is lost`);
      }
    }
    const worst = Math.max(0, ...unwritten);
    if (!isTight) most.mostUnwritten = Math.max(most.mostUnwritten, worst);
    else most.mostUnwrittenTight = Math.max(most.mostUnwrittenTight, worst);
  }
  return { ...sum, ...most };
}

/** Waits until every projection is where the log's heads are now. */
async function caughtUp({ databaseUrl }: ServiceProcesses): Promise<void> {
  const heads = await query<{ partition: number; head: number }>(
    databaseUrl,
    'select partition, head_offset as head from ingestion.partition_heads',
  );
  const behind = async (): Promise<number> => {
    let events = 0;
    for (const service of ['ingestion', 'metrics']) {
      const [row] = await query<{ behind: number }>(
        databaseUrl,
        `select coalesce(sum(greatest(0, h.head - c.position)), 0)::int8 as behind
           from ${service}.projection_checkpoints c
           join unnest($1::int[], $2::int8[]) as h (partition, head) using (partition)`,
        [heads.map(({ partition }) => partition), heads.map(({ head }) => head)],
      );
      events += row?.behind ?? 0;
    }
    return events;
  };
  for (let left = await behind(); left > 0;) {
    left = await eventually(patienceMs, `the next of ${left} events to be projected`, async () => {
      const now = await behind();
      return now < left ? now : undefined;
    });
  }
}

/** The KPIs of a tenant and of each of its bots against what the stored events say. */
async function brokenKpis(
  { urlOf, operatorKey }: ServiceProcesses,
  tenant: string,
  stored: ReadonlyMap<number, StoredEvents>,
): Promise<string[]> {
  const transport = createTransportTo({ baseUrl: urlOf('metrics'), credential: operatorKey, tenant });
  try {
    const metrics = createClient(MetricsService, transport);
    const range = { start: timestampFromDate(soakWindow.start), end: timestampFromDate(soakWindow.end) };
    const broken: string[] = [];
    for (const bot of [undefined, ...stored.keys()]) {
      const botId = bot === undefined ? '' : botName(bot);
      const response = await metrics.getKpis({
        scope: { botId },
        window: { window: { case: 'range', value: range } },
      });
      const truth = soakTruth(stored, bot);
      for (const [name, actual] of Object.entries(figuresOf(response))) {
        const fault = figureFault(truth[name as FigureName], actual);
        if (fault !== undefined) broken.push(`${name} of ${tenant} ${botId} ${fault}`);
      }
    }
    return broken;
  } finally {
    transport.close();
  }
}
