export * from './foreign-format.ts';
export * from './import-events.ts';
export * from './parse-line.ts';
export * from './preview-events.ts';
export * from './read-foreign-lines.ts';
export { maxLineBytes, openFile, readLines, type Fault, type Line } from './read-lines.ts';
export { lineFields } from './table-row.ts';
