import type { Writable } from 'node:stream';
import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema } from '@parley/contracts/google/rpc/error_details';
import { DomainError } from '@parley/errors';
import { CommanderError } from 'commander';
import { exitCode, type ExitCode } from './exit-code.ts';
import { UsageError } from './usage-error.ts';

/** Says on stderr what went wrong, as precisely as it is known, and how the process must end. */
export function reportError(error: unknown, stderr: Writable): ExitCode {
  if (error instanceof CommanderError) {
    // Commander has said it already; help and version are no errors.
    return error.exitCode === 0 ? exitCode.done : exitCode.usage;
  }
  if (error instanceof UsageError || error instanceof DomainError) {
    stderr.write(`${error.message}\n`);
    return exitCode.usage;
  }
  if (error instanceof ConnectError) {
    stderr.write(`${describeConnectError(error)}\n`);
    return exitCode.failed;
  }
  stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  return exitCode.failed;
}

function describeConnectError(error: ConnectError): string {
  const reason = error.findDetails(ErrorInfoSchema)[0]?.reason;
  const lines = [`${Code[error.code]}${reason ? ` (${reason})` : ''}: ${error.rawMessage}`];
  for (const { fieldViolations } of error.findDetails(BadRequestSchema)) {
    lines.push(...fieldViolations.map(({ field, description }) => `  ${field}: ${description}`));
  }
  if (error.code === Code.Unauthenticated) lines.push('  PARLEY_KEY must hold a valid key.');
  if (error.code === Code.Unavailable) lines.push('  Is Parley running, and is PARLEY_URL its address?');
  return lines.join('\n');
}
