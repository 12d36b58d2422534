// A bot that reports BOT_ID's interactions by a client with OPTIONS, says `written` when all are on disk, and waits to be
// killed.
import { env } from 'node:process';
import { createParleyClient, type ParleyClientOptions } from '@parley/client';

const events = Number(env['EVENTS']);
const client = createParleyClient(JSON.parse(env['OPTIONS'] ?? '') as ParleyClientOptions);
for (let index = 0; index < events; index++) {
  client.interaction({ botId: env['BOT_ID'] ?? '', messageText: `message ${index}` });
}
setInterval(() => {
  if (client.stats().spilled === events) console.log('written');
}, 20);
