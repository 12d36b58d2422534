import process from 'node:process';
import { createProgram } from './program.ts';
import { reportError } from './report-error.ts';
import { createSession } from './session.ts';
import { exitCode } from './exit-code.ts';

const stop = new AbortController();
process.once('SIGINT', () => stop.abort(new Error('interrupted')));
process.once('SIGTERM', () => stop.abort(new Error('terminated')));
// Whoever reads the results may stop reading: `parley kpis | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? exitCode.done : exitCode.failed);
});

const session = createSession({
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stop.signal,
  now: () => new Date(),
});
const program = createProgram(session, (code) => {
  process.exitCode = code;
});
try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = reportError(error, process.stderr);
} finally {
  session.close();
}
