import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createParleyClient, instrumentHandler, type Event } from './index.ts';

/** A client that keeps what it would send in `events`. */
function listen() {
  const events: Event[] = [];
  const client = createParleyClient({
    url: 'http://127.0.0.1:9',
    key: 'k',
    optOut: (event) => {
      events.push(event);
      return true;
    },
  });
  return { client, events };
}

interface Said {
  readonly from: string;
  readonly text: string;
}
const describeSaid = ({ from, text }: Said) => ({
  botId: 'bot',
  memberId: from,
  conversationId: `conversation of ${from}`,
  messageText: text,
});
const said: Said = { from: 'ann', text: 'hello' };

test('the interaction is reported before the handler runs, and the answer with its time after', () => {
  const { client, events } = listen();
  let clock = 100;
  const handle = instrumentHandler(
    client,
    ({ text }: Said) => {
      expect(events.map(({ payload }) => payload.case)).toEqual(['interaction']);
      clock += 41.6;
      return text.toUpperCase();
    },
    describeSaid,
    { monotonicMs: () => clock },
  );
  expect(handle(said)).toBe('HELLO');
  const [interaction, completion] = events;
  expect(interaction?.payload).toMatchObject({
    case: 'interaction',
    value: { botId: 'bot', memberId: 'ann', conversationId: 'conversation of ann', messageText: 'hello' },
  });
  expect(completion?.payload).toMatchObject({
    case: 'completion',
    value: { interactionId: interaction?.eventId, responseText: 'HELLO', responseTimeMs: 42n, errorCode: '' },
  });
});

test('a handler that throws throws the very error, and its code is reported', async () => {
  const { client, events } = listen();
  const error = Object.assign(new Error('no'), { code: 'MODEL_AWAY' });
  const fail = (_: Said): never => {
    throw error;
  };
  const thrown = (run: () => unknown): unknown => {
    try {
      return run();
    } catch (caught) {
      return caught;
    }
  };
  expect(thrown(() => instrumentHandler(client, fail, describeSaid)(said))).toBe(error);
  const rejected = instrumentHandler(
    client,
    (_: Said) => Promise.reject(new RangeError('no')),
    describeSaid,
  )(said);
  await expect(rejected).rejects.toThrow(RangeError);
  await setTimeout();
  expect(
    events.flatMap(({ payload }) => (payload.case === 'completion' ? [payload.value.errorCode] : [])),
  ).toEqual(['MODEL_AWAY', 'RangeError']);
});

test('calls at the same time each complete their own interaction, and the very promise is given back', async () => {
  const { client, events } = listen();
  const promises: Promise<{ reply: string }>[] = [];
  const handle = instrumentHandler(
    client,
    ({ text }: Said) => {
      const promise = setTimeout(Number(text), { reply: `after ${text}` });
      promises.push(promise);
      return promise;
    },
    describeSaid,
    { answer: ({ reply }) => ({ responseText: reply }) },
  );
  const running = [30, 10, 20].map((ms) => handle({ from: `m${ms}`, text: String(ms) }));
  running.forEach((promise, index) => expect(promise).toBe(promises[index]));
  await Promise.all(running);
  const texts = new Map(
    events.flatMap(({ eventId, payload }) =>
      payload.case === 'interaction' ? [[eventId, payload.value.messageText]] : [],
    ),
  );
  const completions = events.flatMap(({ payload }) => (payload.case === 'completion' ? [payload.value] : []));
  // Which comes first is for the timers of the machine to say.
  expect(completions.map(({ responseText }) => responseText).toSorted()).toEqual([
    'after 10',
    'after 20',
    'after 30',
  ]);
  for (const { interactionId, responseText } of completions) {
    expect(responseText).toBe(`after ${texts.get(interactionId)}`);
  }
});

test('`this` reaches the handler', () => {
  const bot = {
    name: 'Bo',
    handle: instrumentHandler(
      listen().client,
      function (this: { name: string }) {
        return this.name;
      },
      () => ({ botId: 'bot' }),
    ),
  };
  expect(bot.handle()).toBe('Bo');
});

test('what goes wrong in describing or answering never reaches the caller, and is told', async () => {
  const { client, events } = listen();
  const errors: unknown[] = [];
  const broken = () => {
    throw new Error('broken');
  };
  const onError = (error: unknown) => errors.push(error);
  expect(instrumentHandler(client, () => 'hi', broken, { onError })()).toBe('hi');
  expect(events).toEqual([]);
  const answering = instrumentHandler(client, (_: Said) => Promise.resolve('hi'), describeSaid, {
    answer: broken,
    onError,
  });
  expect(await answering(said)).toBe('hi');
  expect(errors).toHaveLength(2);
  expect(events.map(({ payload }) => payload.case)).toEqual(['interaction', 'completion']);
});
