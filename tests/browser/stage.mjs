// What scripts that drive the web admin have in common. A script is started by a Go test of this folder with one
// argument, a JSON object, and prints one JSON object a line: {"step", "ms", "note"} or {"step", "error"}; it ends at the
// first error, for what comes after a step stands on it. Where the appliance is a slow one, its "patience" says for how many
// milliseconds anything is waited for.
import { createRequire } from 'node:module';
import path from 'node:path';

export const given = JSON.parse(process.argv[2]);
const { chromium } = createRequire(path.join(given.node, 'package.json'))('playwright-core');

const patience = given.patience ?? 20_000;
export const problems = [];
const near = []; // what came close to its limit in this step
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
});
export const context = await browser.newContext({ ignoreHTTPSErrors: true, acceptDownloads: true, viewport: { width: 1280, height: 800 }, timezoneId: 'UTC', locale: 'en-GB' });
context.setDefaultTimeout(patience);
export const page = await context.newPage();
page.on('pageerror', (error) => problems.push(`uncaught: ${error.stack ?? error.message}`));

export const at = (id) => page.getByTestId(id);
const tell = (line) => console.log(JSON.stringify(line));
export const shot = (name) => page.screenshot({ path: path.join(given.shots, `${name}.png`) });

export async function step(name, run) {
  const start = Date.now();
  try {
    const note = await run();
    if (problems.length > 0) throw new Error(problems.join('; '));
    tell({ step: name, ms: Date.now() - start, note: [note, ...near.splice(0)].filter(Boolean).join('; ') });
  } catch (error) {
    await shot('failed').catch(() => {});
    tell({ step: name, error: [String(error.message ?? error), ...problems].join('; ') });
    await browser.close();
    process.exit(1);
  }
}

export function must(truth, text) {
  if (!truth) throw new Error(text);
}

/** Waits until probe gives something truthy, and returns it. What comes close to its limit is said, before it misses it on a slower computer. */
export async function until(text, probe, limit = patience) {
  const begin = Date.now();
  for (;;) {
    const value = await probe();
    const took = Date.now() - begin;
    if (value) {
      if (took > limit / 2) near.push(`${text}: after ${took / 1000} s of ${limit / 1000}`);
      return value;
    }
    if (took > limit) throw new Error(`not within ${limit / 1000} s: ${text}`);
    await page.waitForTimeout(50);
  }
}

export async function login(username, password, url = given.url) {
  await page.goto(url);
  await at('login-username').fill(username);
  await at('login-password').fill(password);
  await at('login-submit').click();
  await at('nav-live').waitFor();
}

/** Asks the API as the browser's user would. */
export async function ask(what) {
  return (await page.request.get(new URL(`/api/v1${what}`, given.url).href)).json();
}

/** Pictures of the page as it is, on a telephone and on a desk. */
export async function shots(name) {
  await page.setViewportSize({ width: 360, height: 780 });
  await shot(`${name}-360`);
  must((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360, 'the page is wider than a telephone');
  await page.setViewportSize({ width: 1280, height: 800 });
  await shot(`${name}-1280`);
}

export const end = () => browser.close();

/**
 * In the page: readCode(element) is the frame within the minute that the block code of a picture says
 * (tools/simcam/picture), read from its pixels; null where there is none. The element is a video or a canvas.
 */
export const pixels = `
  const scratch = document.createElement('canvas');
  const pen = scratch.getContext('2d', { willReadFrequently: true });
  window.readCode = (element) => {
    const width = element.videoWidth ?? element.width;
    const height = element.videoHeight ?? element.height;
    if (!width || element.readyState < 2) return null;
    const cell = Math.max(4, Math.floor(width / 52) & ~1);
    const top = Math.floor(height / 6);
    const [w, h] = [8 * cell, 5 * cell];
    if (scratch.width !== w || scratch.height !== h) Object.assign(scratch, { width: w, height: h });
    pen.drawImage(element, cell, top, w, h, 0, 0, w, h);
    const { data } = pen.getImageData(0, 0, w, h);
    const rows = [];
    for (let y = 0; y < 5; y++) {
      let byte = 0;
      for (let x = 0; x < 8; x++) {
        let sum = 0;
        let n = 0;
        for (let dy = cell >> 2; dy < cell - (cell >> 2); dy++) {
          for (let dx = cell >> 2; dx < cell - (cell >> 2); dx++, n++) sum += data[4 * ((y * cell + dy) * w + x * cell + dx) + 1];
        }
        byte = (byte << 1) | (sum / n > 128 ? 1 : 0);
      }
      rows.push(byte);
    }
    return rows[0] === 0xb2 && rows[4] === (rows[1] ^ rows[2] ^ rows[3] ^ 0x5a) ? (rows[1] << 8) | rows[2] : null;
  };
`;
