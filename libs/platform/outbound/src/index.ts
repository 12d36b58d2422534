export * from './endpoint-rules.ts';
export * from './endpoint-settings.ts';
export * from './post.ts';
export * from './sealer.ts';
