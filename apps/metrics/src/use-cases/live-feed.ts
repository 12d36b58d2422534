import { sleep } from '@parley/runtime';

/** Answers to questions as they change. However many watch the same, it is read once. */
export interface LiveFeed<Question, Answer> {
  /**
   * The answer at once, then whenever it has changed, and again unchanged when it has not for `quietMs`. A watcher that is
   * slow misses what lay between. Ends with an error when the answer can't be read, or with the signal's reason.
   */
  watch(question: Question, signal: AbortSignal): AsyncGenerator<Answer, never>;
}

export interface LiveFeedOptions<Question, Answer> {
  /** Text that differs where two questions differ. */
  readonly keyOf: (question: Question) => string;
  readonly read: (question: Question, signal: AbortSignal) => Promise<Answer>;
  /** Ends when another answer can be expected. */
  readonly untilChanged: (question: Question, signal: AbortSignal) => Promise<void>;
  readonly isSame: (before: Answer, after: Answer) => boolean;
  /** The least time between two readings. */
  readonly spacingMs: number;
  readonly quietMs: number;
}

interface Topic<Answer> {
  watchers: number;
  /** How often the answer has changed. */
  version: number;
  latest: Answer | undefined;
  failure: { readonly error: unknown } | undefined;
  readonly waiting: Set<() => void>;
  readonly end: AbortController;
}

export function createLiveFeed<Question, Answer>({
  keyOf,
  read,
  untilChanged,
  isSame,
  spacingMs,
  quietMs,
}: LiveFeedOptions<Question, Answer>): LiveFeed<Question, Answer> {
  const topics = new Map<string, Topic<Answer>>();

  const follow = async (question: Question, topic: Topic<Answer>): Promise<void> => {
    const { signal } = topic.end;
    for (;;) {
      // Listened for from before it is read: what changes meanwhile, or while it rests, must not be waited out.
      const changed = untilChanged(question, signal);
      changed.catch(() => undefined);
      const answer = await read(question, signal);
      const hasChanged = topic.latest === undefined || !isSame(topic.latest, answer);
      topic.latest = answer;
      if (hasChanged) {
        topic.version += 1;
        wake(topic);
      }
      await sleep(spacingMs, signal);
      await changed;
    }
  };

  const join = (key: string, question: Question): Topic<Answer> => {
    const known = topics.get(key);
    if (known !== undefined) {
      known.watchers += 1;
      return known;
    }
    const topic: Topic<Answer> = {
      watchers: 1,
      version: 0,
      latest: undefined,
      failure: undefined,
      waiting: new Set(),
      end: new AbortController(),
    };
    topics.set(key, topic);
    follow(question, topic).catch((error: unknown) => {
      // Who comes now begins anew.
      if (topics.get(key) === topic) topics.delete(key);
      topic.failure = { error };
      wake(topic);
    });
    return topic;
  };

  const leave = (key: string, topic: Topic<Answer>): void => {
    topic.watchers -= 1;
    if (topic.watchers > 0) return;
    if (topics.get(key) === topic) topics.delete(key);
    topic.end.abort();
  };

  return {
    async *watch(question, signal) {
      const key = keyOf(question);
      const topic = join(key, question);
      try {
        let seen = 0;
        for (;;) {
          if (topic.version === seen) await untilWoken(topic, quietMs, signal);
          if (topic.failure !== undefined) throw topic.failure.error;
          seen = topic.version;
          if (topic.latest !== undefined) yield topic.latest;
        }
      } finally {
        leave(key, topic);
      }
    },
  };
}

function wake<Answer>({ waiting }: Topic<Answer>): void {
  for (const call of [...waiting]) call();
}

/** Until something happens, at most `ms`. Rejects with the signal's reason. */
function untilWoken<Answer>({ waiting }: Topic<Answer>, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      waiting.delete(onWake);
      settle();
    };
    const onWake = () => end(resolve);
    const onAbort = () => end(() => reject(signal.reason as Error));
    const timer = setTimeout(onWake, ms);
    waiting.add(onWake);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
