// Live pictures in the browser, measured by what the pictures themselves say. Argument of the script (see stage.mjs):
//
//   url, username, password
//   cameras              [{name, fps, width, height, phaseMs}]: phaseMs is, for each stream, added to the instant that a frame's number says
//   watchMs, limitMs     how long to watch for latency, and what 95 of 100 frames may have
//   shots, downloads, node
import { ask, at, context, end, given, login, must, page, pixels, shot, step, until } from './stage.mjs';

await context.addInitScript(pixels);
// A browser that cannot decode picture by picture, once that is asked for.
await context.addInitScript(() => {
  if (!sessionStorage.getItem('without')) return;
  for (const name of JSON.parse(sessionStorage.getItem('without'))) delete window[name];
});

const tile = (camera) => page.getByTestId('tile').filter({ has: page.locator('.name', { hasText: new RegExp(`^${camera.name}$`) }) });
const picture = (camera) => tile(camera).getByTestId('tile-video');
const frame = (camera) => picture(camera).evaluate((element) => window.readCode(element));

/** Watches a tile for a while, and says for each frame that came onto the screen how old it was then, in ms. */
async function latencies(camera, forMs) {
  return tile(camera).evaluate(
    (root, { fps, phaseMs, forMs }) =>
      new Promise((resolve) => {
        const seen = [];
        let last = null;
        const begun = performance.now();
        const look = () => {
          const element = root.querySelector('[data-testid="tile-video"]');
          const code = element ? window.readCode(element) : null;
          if (code !== null && code !== last) {
            last = code;
            const age = (Date.now() - (code / fps) * 1000 - phaseMs[root.dataset.stream]) % 60_000;
            seen.push(((age + 90_000) % 60_000) - 30_000);
          }
          if (performance.now() - begun < forMs) requestAnimationFrame(look);
          else resolve(seen);
        };
        requestAnimationFrame(look);
      }),
    { ...camera, forMs },
  );
}

function percentiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const of = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { count: sorted.length, p50: of(0.5), p95: of(0.95), p99: of(0.99), worst: sorted.at(-1) };
}

const told = (name, { count, p50, p95, p99, worst }) => `${name}: p50 ${p50.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, at worst ${worst.toFixed(0)} ms of ${count}`;

/** From the click that opens the page until a tile shows a picture, in ms. */
async function starts(camera) {
  return page.evaluate(
    ({ name, fps, phaseMs }) =>
      new Promise((resolve, reject) => {
        const begun = performance.now();
        document.querySelector('[data-testid="nav-live"]').click();
        const look = () => {
          for (const root of document.querySelectorAll('[data-testid="tile"]')) {
            if (root.querySelector('.name')?.textContent !== name) continue;
            const element = root.querySelector('[data-testid="tile-video"]');
            const code = element ? window.readCode(element) : null;
            if (code === null) continue;
            const age = (Date.now() - (code / fps) * 1000 - phaseMs[root.dataset.stream] + 90_000) % 60_000 - 30_000;
            if (age < 1000) return resolve(performance.now() - begun);
          }
          if (performance.now() - begun > 15_000) return reject(new Error(`no picture of ${name}: ${document.querySelector('[data-testid="wall"]')?.innerText}`));
          requestAnimationFrame(look);
        };
        look();
      }),
    camera,
  );
}

await step('all cameras are live', async () => {
  await login(given.username, given.password);
  for (const camera of given.cameras) await until(`a picture of ${camera.name}`, async () => (await frame(camera)) !== null, 30_000);
  await shot('live');
});

const [gate, hall, lane] = given.cameras;

/** Watches until the latency is as it ought to be: a computer that does other work gets a few tries. */
async function watched(camera, tries = 5) {
  for (let last = ''; ; tries--) {
    if (tries === 0) throw new Error(last);
    const seen = percentiles(await latencies(camera, given.watchMs));
    last = told(await tile(camera).getAttribute('data-way'), seen);
    if (seen.p95 <= given.limitMs && seen.count > (camera.fps * given.watchMs) / 1000 / 2) return last;
  }
}

/** Turns a tile's sound on, and waits until it is heard; the cameras beep at each full second. */
async function heard(camera) {
  await tile(camera).hover();
  await tile(camera).getByTestId('tile-sound').click();
  await until(`sound of ${camera.name}`, async () => Number(await tile(camera).getAttribute('data-level')) > 0.01);
}

for (const camera of given.cameras) {
  await step(`${camera.name} is shown without delay, and heard`, async () => {
    const note = await watched(camera);
    await heard(camera);
    return note;
  });
}

await step('start', async () => {
  const all = [];
  for (let i = 0; i < 5; i++) {
    await at('nav-cameras').click();
    await at('camera-add').waitFor();
    all.push(await starts(hall));
  }
  return told('start', percentiles(all));
});

await step('a browser without WebCodecs plays the stream, with sound where it is wanted', async () => {
  await page.evaluate(() => sessionStorage.setItem('without', JSON.stringify(['VideoDecoder', 'AudioDecoder'])));
  await page.reload();
  await until('a picture in a player', async () => (await tile(hall).getAttribute('data-way')) === 'mse' && (await frame(hall)) !== null);
  await until('a JPEG', async () => (await tile(lane).getAttribute('data-way')) === 'jpeg' && (await frame(lane)) !== null);
  const note = await watched(hall, 8);
  await tile(hall).hover();
  await tile(hall).getByTestId('tile-sound').click();
  await until('sound decoded', () => picture(hall).evaluate((element) => element.muted === false && element.webkitAudioDecodedByteCount > 0));
  await shot('player');
  return note;
});

await end();
