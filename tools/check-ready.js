// Plain JavaScript on purpose: a container's health check, which must start fast. Exit 0: /readyz says yes.
const port = process.env.PARLEY_PORT ?? '8080';
try {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2500) });
  process.exitCode = response.ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
