/** Whether something can be called now. */
export type HealthStatus = 'serving' | 'not-serving';

/** What is healthy, by service name; `""` is the process as a whole. */
export interface HealthRegistry {
  /** Sets a service's status and tells who watches it. */
  set(service: string, status: HealthStatus): void;
  /** Undefined for a service that nobody named. The process serves when all that was set serves. */
  get(service: string): HealthStatus | undefined;
  /** All services and the process. */
  list(): ReadonlyMap<string, HealthStatus>;
  /** From now on everything is not serving, whatever is set: the process is about to stop. */
  shutDown(): void;
  /** Calls `listener` after every change; returns how to stop that. */
  onChange(listener: () => void): () => void;
}

/** A registry of a process that serves nothing yet: the process is `not-serving` until a service is set. */
export function createHealthRegistry(): HealthRegistry {
  const statuses = new Map<string, HealthStatus>();
  const listeners = new Set<() => void>();
  let isShuttingDown = false;

  function changed(): void {
    for (const listener of listeners) {
      listener();
    }
  }

  function statusOf(service: string): HealthStatus | undefined {
    const set = statuses.get(service);
    return set !== undefined && isShuttingDown ? 'not-serving' : set;
  }

  function statusOfProcess(): HealthStatus {
    const all = [...statuses.values()];
    return !isShuttingDown && all.length > 0 && all.every((status) => status === 'serving')
      ? 'serving'
      : 'not-serving';
  }

  return {
    set(service, status) {
      if (statuses.get(service) !== status) {
        statuses.set(service, status);
        changed();
      }
    },
    get: (service) => (service === '' ? statusOfProcess() : statusOf(service)),
    list: () =>
      new Map([
        ['', statusOfProcess()],
        ...[...statuses.keys()].map((service) => [service, statusOf(service) ?? 'not-serving'] as const),
      ]),
    shutDown() {
      if (!isShuttingDown) {
        isShuttingDown = true;
        changed();
      }
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
