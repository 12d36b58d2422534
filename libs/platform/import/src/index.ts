export * from './import-events.ts';
export * from './parse-line.ts';
export * from './read-lines.ts';
