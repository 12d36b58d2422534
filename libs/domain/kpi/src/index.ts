export * from './contributions.ts';
export * from './dashboards.ts';
export * from './kpi-definition.ts';
export * from './kpi-definitions.ts';
export * from './kpi-state.ts';
export * from './kpi-value.ts';
