// The page Time. The clock is this computer's and is left alone: what a machine's own would have to show is made up here,
// and nothing else. Argument of the script (see stage.mjs):
//
//   moved, username, password
//   host                 the machine's address in the network of the cameras
//   shots, node
import dgram from 'node:dgram';
import { at, context, end, given, login, must, page, shots, step, until } from './stage.mjs';

/** Asks for the time as a camera does (RFC 5905, section 7.3), and returns the answer's first two bytes: leap, version, mode; stratum. */
function askTime() {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket('udp4');
    const late = setTimeout(() => reject(new Error('no answer by NTP')), 5000);
    socket.on('message', (answer) => {
      clearTimeout(late);
      socket.close();
      resolve([answer[0], answer[1]]);
    });
    const question = Buffer.alloc(48);
    question[0] = (4 << 3) | 3;
    question.writeUInt32BE(1, 40); // any instant: the answer must name it
    socket.send(question, 123, given.host);
  });
}

await step('servers, what they say and what was corrected', async () => {
  const now = Date.now();
  const sources = [
    { server: 'time.example.com', address: '192.0.2.1', status: 'followed', stratum: 2, offsetMs: 0.42, delayUs: 310, jitterUs: 25 },
    { server: 'ntp2.a-rather-long-name.example.com', address: '2001:db8::123', status: 'agrees', stratum: 3, offsetMs: -1.7, delayUs: 12_000, jitterUs: 900 },
    { server: '192.0.2.66', address: '192.0.2.66', status: 'false', stratum: 1, offsetMs: 61_000, delayUs: 200, jitterUs: 10, reason: 'Most others say another time.' },
    { server: 'gone.example.com', status: 'silent', reason: 'No answer.' },
  ];
  await context.route(/\/api\/v1\/status/, async (route) => {
    const answer = await route.fetch();
    const status = await answer.json();
    Object.assign(status.clock, { status: 'synchronised', server: 'time.example.com', offsetMs: 0.42, lastSyncMs: now - 20_000, sources });
    await route.fulfill({ response: answer, json: status });
  });
  await context.route(/\/api\/v1\/clock\/history/, (route) =>
    route.fulfill({
      json: {
        points: Array.from({ length: 288 }, (_, i) => ({ atMs: now - (288 - i) * 300_000, offsetMs: Math.sin(i / 20) * (i < 40 ? 4 : 0.5) })),
        steps: [{ beforeMs: now - 80_003_600, afterMs: now - 80_000_000, server: 'time.example.com' }],
      },
    }),
  );
  await login(given.username, given.password, given.moved);
  await page.goto(new URL('/time', given.moved).href);
  await until('the servers', async () => (await page.getByTestId('clock-source').count()) === 4);
  must((await at('clock-sources').innerText()).includes('Most others say another time.'), 'a false one is not told');
});

await step('the time zone is chosen', async () => {
  await at('clock-edit').click();
  await at('time-zone').selectOption('Europe/Paris');
  await shots('time-dialog');
  await at('ntp-save').click();
  await until('the zone', async () => (await at('clock').innerText()).includes('Paris'));
});

await step('the time is given to cameras, who are listed', async () => {
  await at('time-server-edit').click();
  must(await at('time-server-enabled').isChecked(), 'a machine with a network of cameras does not give the time');
  await at('time-server-orphan').setChecked(true, { force: true });
  await shots('time-server-dialog');
  await at('time-server-save').click();
  const [head, stratum] = await until('an answer', () => askTime().catch(() => null));
  must((head & 7) === 4 && stratum > 0, `the answer is ${head}, stratum ${stratum}`);
  await until('a client', async () => (await page.getByTestId('time-client').count()) === 1);
  await shots('time');
});

await context.unrouteAll({ behavior: 'ignoreErrors' }); // a question that is still on its way
await end();
