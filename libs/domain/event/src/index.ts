export * from './event-key.ts';
export * from './event-kind.ts';
export * from './log-event.ts';
export * from './money.ts';
export * from './packed-keys.ts';
