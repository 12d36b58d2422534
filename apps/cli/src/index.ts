export { createProgram } from './program.ts';
export { createSession, type Session, type SessionOptions } from './session.ts';
export { exitCode, type ExitCode } from './exit-code.ts';
