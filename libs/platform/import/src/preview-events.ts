import { EventSchema, type Event } from '@parley/contracts/parley/ingestion/v1/event';
import { createMessageValidator } from '@parley/rpc';
import { parseLine } from './parse-line.ts';
import type { Rejection } from './import-events.ts';
import { faultOf, type Fault, type Line } from './read-lines.ts';

/** What an import would do, as far as it can be told without sending anything. */
export interface ImportPreview {
  readonly lines: number;
  readonly valid: number;
  readonly rejected: number;
  /** How many lines would be rejected, by reason. */
  readonly reasons: ReadonlyMap<string, number>;
  /** The first few events. */
  readonly events: readonly Event[];
}

const shownEvents = 5;

/** Reads and checks lines by the contract's rules. What only the service knows (conflicts, duplicates) is not told. */
export async function previewEvents(
  lines: AsyncIterable<Line> | Iterable<Line>,
  onRejected: (rejection: Rejection) => void,
): Promise<ImportPreview> {
  const validator = createMessageValidator();
  const reasons = new Map<string, number>();
  const events: Event[] = [];
  let [read, valid] = [0, 0];
  const check = (line: Line): Event | Fault => {
    if ('fault' in line) return line.fault;
    try {
      const { event } = parseLine(line.text, { defaultCurrency: 'USD' });
      const violations = validator.validate(EventSchema, event);
      if (violations.length === 0) return event;
      const message = violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
      return { reason: 'INVALID_FIELDS', message };
    } catch (error) {
      return faultOf(error);
    }
  };
  for await (const line of lines) {
    read += 1;
    const checked = check(line);
    if ('reason' in checked) {
      reasons.set(checked.reason, (reasons.get(checked.reason) ?? 0) + 1);
      onRejected({ line: line.number, ...checked });
      continue;
    }
    valid += 1;
    if (events.length < shownEvents) events.push(checked);
  }
  return { lines: read, valid, rejected: read - valid, reasons, events };
}
