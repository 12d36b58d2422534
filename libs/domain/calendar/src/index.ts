export * from './buckets.ts';
export * from './cut-window.ts';
export * from './parse-instant-or-date.ts';
export * from './cut-local.ts';
export * from './range.ts';
export * from './start-of-day.ts';
export * from './time-zone.ts';
export * from './whole-periods.ts';
