export * from './api-key.ts';
export * from './cached-resolver.ts';
export * from './caller.ts';
export * from './credential-resolver.ts';
export * from './failure-limiter.ts';
export * from './local-resolver.ts';
export * from './position.ts';
export * from './service-credential.ts';
