export * from './closers.ts';
export * from './config.ts';
export * from './logger.ts';
export * from './now.ts';
export * from './request-context.ts';
export * from './run-until-signal.ts';
export * from './sleep.ts';
