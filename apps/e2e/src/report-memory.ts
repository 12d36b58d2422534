// Loaded into a process that is watched (`node --expose-gc --import`): says what it holds when asked by SIGUSR2.
import process from 'node:process';

let answers = 0;
process.on('SIGUSR2', () => {
  // Twice: the first one may leave what finalizers let go of.
  globalThis.gc?.();
  globalThis.gc?.();
  answers += 1;
  process.stderr.write(`held-memory ${answers} ${JSON.stringify(process.memoryUsage())}\n`);
});
