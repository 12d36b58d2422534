export * from './demo-line.ts';
export * from './demo-truth.ts';
export * from './generate-history.ts';
export * from './generate-live.ts';
export * from './planted.ts';
