import { cutLocal, cutWindow } from '@parley/calendar';
import type { Range, TimeZone } from '@parley/calendar';
import type { Transaction } from '@parley/database';
import { emptyConversationState, emptyState, netOf, revenueIn } from '@parley/kpi';
import type {
  ConversationState,
  Figure,
  FigureInputs,
  Ingredient,
  KpiState,
  KpiValue,
  LatencyBins,
  Revenue,
} from '@parley/kpi';
import type { ProjectionReader, ProjectionWatermark } from '@parley/projection';
import { awaitedSince } from '../storage/conversation-state.sql.ts';
import { createSource } from '../storage/create-source.ts';
import { findConversationSettings } from '../storage/conversation-settings.ts';
import type { CutWindow } from '../storage/cut-parameters.ts';
import type { Cell, Dimension } from '../storage/figure-source.ts';
import type { ReadScope } from '../storage/kpi-state.sql.ts';
import { countUsersBefore, countUsersOf } from '../storage/user-counts.sql.ts';
import { wasErasedSince } from '../storage/erased-counts.ts';
import { gapOfScope } from './gap-of-scope.ts';
import type { KpiQuestion } from './kpi-question.ts';

/** What is asked of several windows in one snapshot. */
export interface InputsQuestion {
  readonly windows: readonly Range[];
  readonly dimensions: readonly Dimension[];
  readonly needs: ReadonlySet<Need>;
  /** In which days begin. */
  readonly timeZone: TimeZone;
  /** The tenant's. */
  readonly currencyCode: string;
  /** The day at whose end the answer is given, in days since 1970. Undefined: as known now. */
  readonly asOf: number | undefined;
}

/** An ingredient, or who was there on each day. */
export type Need = Ingredient | 'active_days';

/** In what it is read. */
export interface FigureSnapshot {
  readonly tx: Transaction;
  readonly scope: ReadScope;
  /** Everything that was received until then is in it. */
  readonly completeTo: Date;
}

/** What is asked of a question's own window, or of others in its place. */
export interface AskedInputs {
  readonly needs: ReadonlySet<Need>;
  /** The question's own unless told. */
  readonly windows?: readonly Range[];
  /** None unless told. */
  readonly dimensions?: readonly Dimension[];
}

/** What was read in one snapshot, and how far it reaches. */
export interface InputsAnswer {
  readonly cells: readonly InputCell[];
  readonly watermark: ProjectionWatermark;
  /** Whether members were erased since the day as at whose end the answer is given. */
  readonly erasedSince: boolean;
}

/** Reads what figures need, in one snapshot with its watermark. Throws as the reader does. */
export function readAnswer(
  reader: ProjectionReader,
  question: KpiQuestion,
  { needs, windows = [question.window], dimensions = [] }: AskedInputs,
): Promise<InputsAnswer> {
  const { timeZone, asOf } = question.window;
  const { currencyCode } = question;
  return reader.read(question, async ({ tx, generation, watermark }) => {
    const scope = { ...question, generation };
    const snapshot = { tx, scope, completeTo: watermark.completeTo };
    return {
      cells: await readInputs(snapshot, { windows, dimensions, needs, timeZone, currencyCode, asOf }),
      watermark,
      erasedSince: asOf === undefined ? false : await wasErasedSince(tx, scope, asOf),
    };
  });
}

/** What figures of one window and one combination of the dimensions' values are computed from. */
export interface InputCell {
  /** The window's place. */
  readonly position: number;
  readonly values: readonly string[];
  readonly inputs: FigureInputs;
  /** What was earned, in every currency. */
  readonly byCurrency: Revenue;
}

const dayMs = 86_400_000;

/** What these figures need. */
export function needsOf(figures: readonly Figure[]): Set<Need> {
  return new Set(figures.flatMap(({ needs }) => needs));
}

/**
 * The figures of a cell, in their order. Which users members are is known as it is now alone: as of an earlier day what is
 * said of users has no data.
 */
export function evaluateFigures(
  figures: readonly Figure[],
  { inputs }: InputCell,
  asOf: number | undefined,
): readonly KpiValue[] {
  return figures.map(({ needs, evaluate }) => {
    const value = evaluate(inputs);
    if (asOf === undefined || !needs.includes('users')) return value;
    return { ...value, value: 0, numerator: 0, sampleSize: 0, hasData: false };
  });
}

/**
 * What is asked of several windows: a statement for each ingredient, however many windows there are. Without dimensions each
 * window has a cell, in their order; with dimensions those in which there is anything, in the order of windows and values.
 */
export async function readInputs(
  { tx, scope, completeTo }: FigureSnapshot,
  question: InputsQuestion,
): Promise<readonly InputCell[]> {
  const { dimensions, needs, timeZone, currencyCode, asOf } = question;
  const windows = question.windows.map(({ start, end }) => toWindow(start, end));
  const source = createSource(tx, scope, { dimensions, asOf });
  const found = createDrafts(dimensions.length === 0 ? windows.length : 0);
  const needsAny = (...asked: readonly Need[]): boolean => asked.some((need) => needs.has(need));

  if (needs.has('sums')) found.take(await source.sums(windows), (draft, sums) => (draft.sums = sums));
  if (needs.has('latencies')) {
    found.take(await source.latencies(windows), (draft, bins) => (draft.latencies = bins));
  }
  if (needs.has('conversations')) {
    found.take(await source.conversations(windows), (draft, state) => (draft.conversations = state));
  }
  if (needs.has('awaiting')) {
    const known = asOf === undefined ? completeTo : new Date((asOf + 1) * dayMs);
    const after = awaitedSince(known < completeTo ? known : completeTo);
    found.take(await source.awaiting(windows, after), (draft, count) => (draft.awaitingCount = count));
  }

  const days = windows.flatMap(({ start, end }, position) =>
    needsAny('day_revenue', 'day_members', 'active_days')
      ? cutLocal('day', start, end, timeZone).map((day) => ({ position, ...toWindow(day.start, day.end) }))
      : [],
  );
  /** The day's place among those of its window. */
  const firstDays = new Map<number, number>();
  for (const [index, { position }] of days.entries()) {
    if (!firstDays.has(position)) firstDays.set(position, index);
  }
  const dayIn = (index: number): number => index - (firstDays.get(days[index]?.position ?? 0) ?? 0);
  const dayCounts = windows.map(() => 0);
  for (const { position } of days) dayCounts[position] = (dayCounts[position] ?? 0) + 1;

  // Days that tile their windows say what these earned as well.
  if (needs.has('day_revenue')) {
    for (const { position, values, content } of await source.revenue(days)) {
      const draft = found.at(days[position]?.position ?? 0, values);
      draft.dayRevenue.set(dayIn(position), netOf(revenueIn(currencyCode, content)));
    }
  }
  if (needs.has('revenue')) {
    found.take(await source.revenue(windows), (draft, revenue) => (draft.revenue = revenue));
  }
  if (needs.has('payers')) {
    const payers = await source.payers(windows, currencyCode);
    found.take(payers, (draft, members) => (draft.payerCount = members.length));
  }

  const sections = createSections(found);
  if (needsAny('week_members')) {
    sections.count(windows.map(before(7)), (draft, _, count) => (draft.weekCount = count));
  }
  if (needsAny('month_members')) {
    sections.count(windows.map(before(30)), (draft, _, count) => (draft.monthCount = count));
  }
  if (needs.has('active_days')) {
    sections.list(days, (draft, day, members) => draft.dayMembers.set(dayIn(day), members));
  } else if (needs.has('day_members')) {
    sections.count(days, (draft, day, count) => draft.dayCounts.set(dayIn(day), count));
  }
  if (needsAny('users', 'earlier_members')) {
    sections.list(windows.map(placed), (draft, _, members) => (draft.members = members));
  } else if (needs.has('members')) {
    sections.count(windows.map(placed), (draft, _, count) => (draft.memberCount = count));
  }
  if (needs.has('earlier_members')) {
    sections.list(
      windows.map(({ start, end }, position) => ({
        position,
        ...toWindow(new Date(2 * start.getTime() - end.getTime()), start),
      })),
      (draft, _, members) => (draft.before = members),
    );
    sections.list(
      windows.map(({ start }, position) => ({ position, ...toWindow(new Date(0), start) })),
      (draft, _, members) => (draft.ever = members),
    );
  }
  await sections.read(source);

  const drafts = found.list();
  if (needs.has('users') && asOf === undefined) {
    const active = await countUsersOf(
      tx,
      scope,
      drafts.map(({ draft }) => draft.members),
    );
    const users = await countUsersBefore(
      tx,
      scope,
      windows.map(({ end }) => end),
    );
    for (const [index, { position, draft }] of drafts.entries()) {
      draft.activeUsers = active[index] ?? 0;
      draft.users = users[position] ?? 0;
    }
  }
  const settings = needs.has('conversations')
    ? await findConversationSettings(tx, scope.partition, [scope.tenantId])
    : [];
  const botAt = dimensions.indexOf('bot');
  const gapOf = (position: number, values: readonly string[]): number | undefined => {
    const window = windows[position];
    if (window === undefined || !needs.has('conversations')) return undefined;
    const botId = values[botAt] ?? scope.botId;
    return gapOfScope(settings, { tenantId: scope.tenantId, botId }, window);
  };
  return drafts.map(({ position, values, draft }) => ({
    position,
    values,
    byCurrency: draft.revenue,
    inputs: inputsOf(draft, {
      currencyCode,
      dayCount: dayCounts[position] ?? 0,
      gapMs: gapOf(position, values),
    }),
  }));
}

/** What is known of a cell so far. */
interface Draft {
  sums: KpiState;
  latencies: LatencyBins;
  conversations: ConversationState;
  awaitingCount: number;
  revenue: Revenue;
  payerCount: number;
  weekCount: number;
  monthCount: number;
  memberCount: number | undefined;
  members: Uint32Array;
  before: Uint32Array;
  ever: Uint32Array;
  activeUsers: number;
  users: number;
  readonly dayRevenue: Map<number, bigint>;
  readonly dayCounts: Map<number, number>;
  readonly dayMembers: Map<number, Uint32Array>;
}

const nobody = new Uint32Array();

function createDraft(): Draft {
  return {
    sums: emptyState,
    latencies: new Map(),
    conversations: emptyConversationState,
    awaitingCount: 0,
    revenue: new Map(),
    payerCount: 0,
    weekCount: 0,
    monthCount: 0,
    memberCount: undefined,
    members: nobody,
    before: nobody,
    ever: nobody,
    activeUsers: 0,
    users: 0,
    dayRevenue: new Map(),
    dayCounts: new Map(),
    dayMembers: new Map(),
  };
}

interface PlacedDraft {
  readonly position: number;
  readonly values: readonly string[];
  readonly draft: Draft;
}

/** @param windowCount how many windows have a draft in any case. */
function createDrafts(windowCount: number) {
  const drafts = new Map<string, PlacedDraft>();
  const at = (position: number, values: readonly string[]): Draft => {
    const key = JSON.stringify([position, ...values]);
    const known = drafts.get(key);
    if (known !== undefined) return known.draft;
    const draft = createDraft();
    drafts.set(key, { position, values, draft });
    return draft;
  };
  for (let position = 0; position < windowCount; position += 1) at(position, []);
  return {
    at,
    take<Content>(cells: readonly Cell<Content>[], put: (draft: Draft, content: Content) => void): void {
      for (const { position, values, content } of cells) put(at(position, values), content);
    },
    list: () => [...drafts.values()].sort(byPlace),
  };
}

function byPlace(one: PlacedDraft, other: PlacedDraft): number {
  return one.position - other.position || compareValues(one.values, other.values);
}

/** In the order of their letters, value by value. */
export function compareValues(one: readonly string[], other: readonly string[]): number {
  for (const [index, value] of one.entries()) {
    const against = other[index] ?? '';
    if (value !== against) return value < against ? -1 : 1;
  }
  return 0;
}

/** A window that is asked for a draft's sake. */
interface PlacedWindow extends CutWindow {
  /** The place of the draft's window. */
  readonly position: number;
}

/** Members of several lists of windows, read by a statement for all that are counted and one for all that are listed. */
function createSections(found: ReturnType<typeof createDrafts>) {
  const counted = createSection<number>();
  const listed = createSection<Uint32Array>();
  return {
    count: counted.add,
    list: listed.add,
    async read(source: ReturnType<typeof createSource>): Promise<void> {
      if (counted.windows.length > 0) counted.put(found, await source.memberCounts(counted.windows));
      if (listed.windows.length > 0) listed.put(found, await source.members(listed.windows));
    },
  };
}

type Put<Content> = (draft: Draft, index: number, content: Content) => void;

function createSection<Content>() {
  const windows: PlacedWindow[] = [];
  const owners: { readonly put: Put<Content>; readonly index: number }[] = [];
  return {
    windows,
    /** Each window with its place in the list that is given. */
    add(asked: readonly PlacedWindow[], put: Put<Content>): void {
      for (const [index, window] of asked.entries()) {
        windows.push(window);
        owners.push({ put, index });
      }
    },
    put(found: ReturnType<typeof createDrafts>, cells: readonly Cell<Content>[]): void {
      for (const { position, values, content } of cells) {
        const [window, owner] = [windows[position], owners[position]];
        if (window === undefined || owner === undefined) continue;
        owner.put(found.at(window.position, values), owner.index, content);
      }
    },
  };
}

function before(days: number) {
  return ({ end }: CutWindow, position: number): PlacedWindow => ({
    position,
    ...toWindow(new Date(end.getTime() - days * dayMs), end),
  });
}

function placed(window: CutWindow, position: number): PlacedWindow {
  return { position, ...window };
}

interface Circumstances {
  readonly currencyCode: string;
  readonly dayCount: number;
  readonly gapMs: number | undefined;
}

function inputsOf(draft: Draft, { currencyCode, dayCount, gapMs }: Circumstances): FigureInputs {
  const { sums, conversations, awaitingCount, members } = draft;
  const days = Array.from({ length: dayCount }, (_, day) => day);
  const dayMembers = days.map((day) => draft.dayMembers.get(day) ?? nobody);
  const dayCounts = days.map((day) => draft.dayCounts.get(day) ?? dayMembers[day]?.length ?? 0);
  const { interactionCount } = sums;
  return {
    sums,
    people: {
      activeMembers: draft.memberCount ?? members.length,
      activeUsers: draft.activeUsers,
      users: draft.users,
    },
    latencies: draft.latencies,
    conversations: { conversations, interactions: sums, awaitingCount, gapMs },
    revenue: {
      currencyCode,
      revenue: revenueIn(currencyCode, draft.revenue),
      interactionCount,
      conversationCount: conversations.conversationCount,
      payingMemberCount: draft.payerCount,
      days: days.map((day) => ({
        netMinorUnits: draft.dayRevenue.get(day) ?? 0n,
        activeMemberCount: dayCounts[day] ?? 0,
      })),
    },
    audience: {
      interactionCount,
      dayCounts,
      weekCount: draft.weekCount,
      monthCount: draft.monthCount,
    },
    lifecycle: {
      interactionCount,
      days: dayMembers,
      window: members,
      before: draft.before,
      ever: draft.ever,
    },
  };
}

function toWindow(start: Date, end: Date): CutWindow {
  return { start, end, cut: cutWindow(start, end) };
}
