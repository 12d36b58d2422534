/** How a command ended, as the shell sees it. */
export const exitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  /** Done, but some items were rejected, or some answer was not the good one. */
  incomplete: 3,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];
