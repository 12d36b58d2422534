import { defineConfig } from 'vitest/config';

// Every project's tests run with this: its `test` script names this file and runs in its own folder.
export default defineConfig({
  test: {
    include: ['{src,test}/**/*.test.ts', '*.test.ts'],
    // A process per test file, so that what one leaves behind can't reach another.
    pool: 'forks',
    // Two cores, and Nx runs two projects at a time.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
  },
});
