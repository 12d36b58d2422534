export * from './normal.ts';
export * from './wilson-interval.ts';
