/** What kinds of events there are. The numbers are the log's `kind` column and the contract's `EventKind`. */
export const eventKinds = {
  interaction: 1,
  completion: 2,
  conversion: 3,
  refund: 4,
  feedback: 5,
  handoff: 6,
  member: 7,
  user: 8,
  bot_performance_metric: 9,
  exposure: 10,
  enrichment: 11,
  consent: 12,
  erasure: 13,
  tick: 14,
} as const;

export type EventKind = keyof typeof eventKinds;
export type EventKindNumber = (typeof eventKinds)[EventKind];

const namesByNumber = new Map<number, EventKind>(
  Object.entries(eventKinds).map(([name, number]) => [number, name as EventKind]),
);

/** The kind of that number; undefined when there is none. */
export function findEventKind(number: number): EventKind | undefined {
  return namesByNumber.get(number);
}
