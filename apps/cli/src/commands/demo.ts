import { once } from 'node:events';
import { parseInstantOrDate, utc } from '@parley/calendar';
import { demoTruth, generateHistory } from '@parley/demo';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { printJson } from '../print.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';

export interface DemoOptions {
  readonly seed: string;
  readonly from: string;
  readonly to: string;
  readonly conversations: string;
  readonly tenant: string;
  readonly truth?: boolean;
}

/** `parley demo`: invented traffic as lines for `parley import`, or the KPIs that they must give. */
export async function demoCommand({ stdout }: Session, options: DemoOptions): Promise<ExitCode> {
  const from = parseInstantOrDate(options.from, utc, '--from');
  const to = parseInstantOrDate(options.to, utc, '--to');
  const lines = generateHistory({
    seed: wholeNumber('--seed', options.seed),
    tenant: options.tenant,
    from,
    to,
    conversationsPerDay: wholeNumber('--conversations', options.conversations),
  });
  if (options.truth) {
    printJson(stdout, demoTruth([...lines], { start: from, end: to }));
    return exitCode.done;
  }
  for (const line of lines) {
    if (!stdout.write(`${JSON.stringify(line)}\n`)) await once(stdout, 'drain');
  }
  return exitCode.done;
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${option} must be a whole number.`);
  return Number(text);
}
