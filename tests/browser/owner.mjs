// What the owner of an appliance does in a browser, step by step. Started by the Go test of this folder with one
// argument, a JSON object:
//
//   url, code            address of the web admin; one-time code of the console
//   cameras              [{name, url, subUrl, user, password, fps, width, height}]; the first has a second stream
//   deadUrl, videoFps    address at which no camera answers
//   shots, downloads     folders
//   node                 folder from which playwright-core is resolved
//
// Prints one JSON object a line: {"step", "ms"} or {"step", "error"}; ends at the first error, for what comes after a
// step stands on it.
import { createRequire } from 'node:module';
import path from 'node:path';

const given = JSON.parse(process.argv[2]);
const { chromium } = createRequire(path.join(given.node, 'package.json'))('playwright-core');

const username = 'owner';
const password = 'correct horse battery';
const problems = [];

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
});
const context = await browser.newContext({ ignoreHTTPSErrors: true, acceptDownloads: true, viewport: { width: 1280, height: 800 }, timezoneId: 'UTC', locale: 'en-GB' });
context.setDefaultTimeout(20_000);
const page = await context.newPage();
page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`));

const at = (id) => page.getByTestId(id);
const tell = (line) => console.log(JSON.stringify(line));
const shot = (name) => page.screenshot({ path: path.join(given.shots, `${name}.png`) });

async function step(name, run) {
  const start = Date.now();
  try {
    await run();
    if (problems.length > 0) throw new Error(problems.join('; '));
    tell({ step: name, ms: Date.now() - start });
  } catch (error) {
    await shot('failed').catch(() => {});
    tell({ step: name, error: String(error.message ?? error) });
    await browser.close();
    process.exit(1);
  }
}

function must(truth, text) {
  if (!truth) throw new Error(text);
}

/** Waits until probe gives something truthy, and returns it. */
async function until(text, probe, limit = 20_000) {
  const end = Date.now() + limit;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${limit / 1000} s: ${text}`);
    await page.waitForTimeout(100);
  }
}

/**
 * What a video element, or a canvas on which live pictures are drawn, shows: its clock, and the block code of the picture (tools/simcam/picture), read from pixels.
 * frame is null when the picture has no readable code; mean is the picture's mean brightness, 0 to 255.
 */
async function look(video) {
  return video.evaluate((element) => {
    const width = element.videoWidth ?? element.width;
    const height = element.videoHeight ?? element.height;
    const seen = { time: element.currentTime ?? Number(element.dataset.pictureMs ?? 0) / 1000, width, height, frame: null, mean: 0, now: Date.now(), paused: element.paused };
    if (width === 0) return seen;
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(element, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    const bright = (x, y) => (data[4 * (y * width + x)] + data[4 * (y * width + x) + 1] + data[4 * (y * width + x) + 2]) / 3;
    let sum = 0;
    let count = 0;
    for (let y = 0; y < height; y += 4) for (let x = 0; x < width; x += 4, count++) sum += bright(x, y);
    seen.mean = sum / count;
    const cell = Math.max(4, Math.floor(width / 52) & ~1);
    const top = Math.floor(height / 6);
    const rows = [];
    for (let y = 0; y < 5; y++) {
      let byte = 0;
      for (let x = 0; x < 8; x++) {
        let total = 0;
        let n = 0;
        for (let dy = cell >> 2; dy < cell - (cell >> 2); dy++) {
          for (let dx = cell >> 2; dx < cell - (cell >> 2); dx++, n++) total += bright((x + 1) * cell + dx, top + y * cell + dy);
        }
        byte = (byte << 1) | (total / n > 128 ? 1 : 0);
      }
      rows.push(byte);
    }
    if (rows[0] === 0xb2 && rows[4] === (rows[1] ^ rows[2] ^ rows[3] ^ 0x5a)) seen.frame = (rows[1] << 8) | rows[2];
    return seen;
  });
}

/** Seconds from one instant of the minute to another, between -30 and 30. */
const within = (from, to) => ((to - from + 90) % 60) - 30;
const secondOf = (ms) => (ms / 1000) % 60;

/**
 * Watches a picture for a while, and returns what it shows then: its clock must go on as time does. A busy computer may hold it up once or
 * twice, but not three times running.
 */
async function runs(name, video, fps, forMs) {
  const readable = () => until(`a picture of ${name} with a readable clock`, async () => {
    const seen = await look(video);
    return seen.frame !== null && seen.time > 0 && seen;
  });
  const wrong = [];
  while (wrong.length < 3) {
    const first = await readable();
    await page.waitForTimeout(forMs); // the time that is measured
    const second = await readable();
    const passed = (second.now - first.now) / 1000;
    const played = second.time - first.time;
    const moved = within(first.frame / fps, second.frame / fps);
    if (played > passed - 1.5 && Math.abs(moved - passed) < 1.5) return second;
    wrong.push(`currentTime moved ${played.toFixed(1)} s and the clock in the picture ${moved.toFixed(1)} s in ${passed.toFixed(1)} s`);
  }
  throw new Error(`${name}: ${wrong.join('; ')}`);
}

async function fill(values) {
  for (const [id, value] of Object.entries(values)) await at(id).fill(value);
}

async function login(name, secret) {
  await fill({ 'login-username': name, 'login-password': secret });
  await at('login-submit').click();
}

const rowOf = (camera) => page.locator('[data-testid="camera-row"]', { has: page.getByTestId('camera-details').getByText(camera.name, { exact: true }) });

/** Asks the API as the browser's user would. */
async function ask(what) {
  return (await page.request.get(new URL(`/api/v1${what}`, given.url).href)).json();
}

/** Whether a canvas shows a colour of the design. */
async function painted(id, colour) {
  return at(id).evaluate((canvas, name) => {
    const probe = document.body.appendChild(document.createElement('i'));
    probe.style.color = `var(${name})`;
    const wanted = getComputedStyle(probe).color.match(/[0-9.]+/g).map(Number);
    probe.remove();
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < data.length; i += 4) {
      if (Math.abs(data[i] - wanted[0]) < 3 && Math.abs(data[i + 1] - wanted[1]) < 3 && Math.abs(data[i + 2] - wanted[2]) < 3 && data[i + 3] > 250) return true;
    }
    return false;
  }, colour);
}

await step('a wrong set-up code is refused in words', async () => {
  await page.goto(given.url);
  await at('setup-form').waitFor();
  await shot('setup');
  await fill({ 'setup-code': 'AAAA-AAAA', 'setup-username': username, 'new-password': password, 'repeat-password': password });
  await at('setup-submit').click();
  await until('a sentence about the code', async () => (await at('setup-form').innerText()).match(/code.*(wrong|not|match|console)/i));
  await shot('setup-refused');
});

await step('the code of the console sets the administrator up', async () => {
  await at('setup-code').fill(given.code);
  await at('setup-submit').click();
  await at('nav-live').waitFor();
  await at('live-add-camera').waitFor();
  await shot('live-empty');
});

await step('log-out ends the session, a wrong password is refused, the right one is taken', async () => {
  await at('account').click();
  await at('logout').click();
  await at('login-form').waitFor();
  await shot('login');
  const closed = await page.request.get(new URL('/api/v1/cameras', given.url).href);
  must(closed.status() === 401, `the cameras can be listed without a session: ${closed.status()}`);
  await login(username, 'not the password');
  await at('login-error').waitFor();
  await shot('login-refused');
  await login(username, password);
  await at('nav-live').waitFor();
});

await step('a camera is tested, then added', async () => {
  await at('nav-cameras').click();
  await at('camera-add').click();
  await at('camera-dialog').waitFor();
  const [first] = given.cameras;
  await fill({ 'camera-name': first.name, 'camera-url': given.deadUrl });
  await at('camera-test').click();
  await until('a refusal of the test in words', async () => (await at('camera-dialog').innerText()).match(/refus|answer|reach/i) && !(await at('camera-tested').isVisible()));
  await shot('camera-test-refused');
  await fill({ 'camera-url': first.url, 'camera-username': first.user, 'camera-password': first.password });
  await at('camera-test').click();
  await at('camera-tested').waitFor();
  must((await at('camera-tested').innerText()).includes(`${first.width}`), 'the test does not tell the size of the picture');
  await shot('camera-tested');
  await at('camera-save').click();
  await at('camera-dialog').waitFor({ state: 'hidden' });
});

await step('more cameras are added, and all are live', async () => {
  for (const camera of given.cameras.slice(1)) {
    await at('camera-add').click();
    await fill({ 'camera-name': camera.name, 'camera-url': camera.url, 'camera-username': camera.user, 'camera-password': camera.password });
    await at('camera-save').click();
    await at('camera-dialog').waitFor({ state: 'hidden' });
  }
  const rows = page.locator('[data-testid="camera-row"][data-status="live"]');
  await until('all cameras live', async () => (await rows.count()) === given.cameras.length);
  await shot('cameras');
});

await step('a camera that does not answer says why', async () => {
  await at('camera-add').click();
  await fill({ 'camera-name': 'Dead', 'camera-url': given.deadUrl });
  await at('camera-save').click();
  const row = page.locator('[data-testid="camera-row"]', { hasText: 'Dead' });
  await row.getByTestId('camera-reason').waitFor();
  await shot('camera-offline');
  await row.getByTestId('camera-remove').click();
  await at('confirm-action').click();
  await row.waitFor({ state: 'detached' });
});

await step('live pictures move with the clock', async () => {
  await at('nav-live').click();
  const tiles = page.getByTestId('tile');
  await until('one tile a camera', async () => (await tiles.count()) === given.cameras.length);
  for (const camera of given.cameras) {
    const tile = tiles.filter({ hasText: camera.name });
    const video = tile.getByTestId('tile-video');
    const first = await until(`a picture of ${camera.name} with a readable clock`, async () => {
      const seen = await look(video);
      return seen.frame !== null && seen.time > 0 && seen;
    }, 30_000);
    must(first.mean > 30 && first.mean < 230, `${camera.name}: mean brightness ${first.mean}`);
    must(first.width === camera.width && first.height === camera.height, `${camera.name}: ${first.width} × ${first.height}`);
    const second = await runs(camera.name, video, camera.fps, 3000);
    const behind = within(second.frame / camera.fps, secondOf(second.now));
    must(behind > -1 && behind < 8, `${camera.name}: the picture is ${behind} s behind`);
  }
  await shot('live');
});

await step('the timeline grows', async () => {
  await at('nav-recordings').click();
  await at('camera-select').selectOption({ label: given.cameras[0].name });
  await until('a segment in the timeline', async () => Number(await at('timeline').getAttribute('data-segments')) >= 1);
  await at('newest').click();
  for (let i = 0; i < 5; i++) await at('zoom-in').click();
  const end = async () => {
    const id = new URL(page.url()).pathname.split('/').pop();
    const now = Date.now();
    const answer = await page.request.get(new URL(`/api/v1/cameras/${id}/timeline?fromMs=${now - 3600_000}&toMs=${now + 60_000}`, given.url).href);
    return (await answer.json()).lastMs;
  };
  const before = await end();
  await until('later footage', async () => (await end()) >= before + 3000);
  await shot('recordings');
});

await step('a click on the timeline plays that instant of the past', async () => {
  const [camera] = given.cameras;
  const canvas = at('timeline');
  const box = await canvas.boundingBox();
  const from = Number(await canvas.getAttribute('data-from-ms'));
  const to = Number(await canvas.getAttribute('data-to-ms'));
  const target = Date.now() - 12_000;
  await page.mouse.click(box.x + ((target - from) / (to - from)) * box.width, box.y + box.height / 2);
  const video = at('player-picture');
  let last = '';
  await until('the picture of that instant', async () => {
    const seen = await look(video);
    const position = Number(await at('player-time').getAttribute('data-position-ms'));
    if (seen.frame === null) return false;
    const shown = seen.frame / camera.fps;
    last = `the player says second ${secondOf(position)}, the picture shows ${shown}, clicked was ${secondOf(target)}`;
    return Math.abs(within(shown, secondOf(position))) < 1 && Math.abs(position - target) < 8000;
  }).catch((error) => {
    throw new Error(`${error.message}: ${last}`);
  });
  await runs(camera.name, video, camera.fps, 2500);
  await shot('playback');
});

await step('the file of the instant on show is downloaded', async () => {
  const [download] = await Promise.all([page.waitForEvent('download'), at('download').click()]);
  await download.saveAs(path.join(given.downloads, 'segment.mkv'));
});

await step('a second stream is tested, set and recorded', async () => {
  const [camera] = given.cameras;
  await at('nav-cameras').click();
  await rowOf(camera).getByTestId('camera-edit').click();
  await at('camera-sub-url').fill(camera.subUrl);
  await at('camera-test').click();
  await at('camera-tested').filter({ hasText: 'Second stream' }).waitFor();
  await at('section-recording').getByRole('button').first().click();
  await at('plan-standard-streams').selectOption('main,sub');
  await at('plan-pre-seconds').fill('601');
  await at('camera-save').click();
  await until('a word about the number', async () => (await at('section-recording').innerText()).includes('from 0 to 600'));
  await shot('camera-plan-refused');
  await at('plan-pre-seconds').fill('3');
  await at('section-retention').getByRole('button').first().click();
  await fill({ 'retention-standardDays': '30', 'retention-standardMinDays': '7' });
  await until('an estimate of the bytes', async () => (await at('retention-estimate').innerText()).includes('30 days'));
  await shot('camera-plan');
  await at('camera-save').click();
  await at('camera-dialog').waitFor({ state: 'hidden' });
  await rowOf(camera).getByTestId('camera-details').click();
  await page.locator('[data-testid="recording-sub-standard"][data-recording="true"]').waitFor();
  await page.locator('[data-testid="recording-main-standard"][data-recording="true"]').waitFor();
  await shot('camera-page');
});

await step('a small tile plays the second stream, the whole screen the first', async () => {
  const [camera] = given.cameras;
  await at('nav-live').click();
  const video = page.getByTestId('tile').filter({ hasText: camera.name }).getByTestId('tile-video');
  const width = async () => (await look(video)).width;
  await until('the second stream in the small tile', async () => (await width()) === camera.width / 2);
  await page.keyboard.press('1');
  await until('the first stream alone on the screen', async () => (await width()) === camera.width);
  await page.keyboard.press('0');
});

await step('a calendar is painted with mouse and keyboard', async () => {
  await at('nav-cameras').click();
  await at('tab-calendars').click();
  await at('calendar-add').click();
  await at('calendar-name').fill('Mornings');
  await at('calendar-template').selectOption('never');
  const day = (name) => page.locator(`[data-testid="week-row"][data-day="${name}"]`);
  const [top, bottom] = [await day('monday').boundingBox(), await day('wednesday').boundingBox()];
  const x = (hour) => top.x + (top.width * (hour + 0.1)) / 24;
  await page.mouse.move(x(8), top.y + top.height / 2);
  await page.mouse.down();
  await page.mouse.move(x(11.75), bottom.y + bottom.height / 2, { steps: 4 });
  await shot('calendar-painting');
  await page.mouse.up();
  // from where the pointer began four days down, to the last two quarter hours
  for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'End', 'Shift+ArrowLeft', ' ']) await at('week-grid').press(key);
  must((await day('monday').getAttribute('data-spans')) === '08:00 to 12:00', `Monday is ${await day('monday').getAttribute('data-spans')}`);
  await until('the last half hour of Friday', async () => (await day('friday').getAttribute('data-spans')) === '23:30 to 24:00');
  await at('calendar-save').click();
  await at('calendar-dialog').waitFor({ state: 'hidden' });
  await page.locator('[data-testid="calendar"]', { hasText: 'Mornings' }).waitFor();
  const kept = (await ask('/calendars')).find((one) => one.name === 'Mornings');
  for (const name of ['monday', 'tuesday', 'wednesday']) must(JSON.stringify(kept.week[name]) === '[{"from":"08:00","to":"12:00"}]', `${name} is kept as ${JSON.stringify(kept.week[name])}`);
  await fill({ 'holiday-date': '2026-12-25', 'holiday-name': 'Christmas' });
  await at('holiday-add').click();
  await at('holiday').filter({ hasText: 'Christmas' }).waitFor();
  await shot('calendars');
});

await step('recording by hand starts at once and shows on the timeline in its colour', async () => {
  const camera = given.cameras[1];
  await at('nav-live').click();
  const tile = page.getByTestId('tile').filter({ hasText: camera.name });
  await tile.hover();
  await tile.getByTestId('tile-record').click();
  await at('force-1').click();
  await tile.getByTestId('tile-forced').waitFor();
  await shot('live-forced');
  await at('nav-recordings').click();
  await at('camera-select').selectOption({ label: camera.name });
  await until('an alarm recording on the timeline', async () => Number(await at('timeline').getAttribute('data-alarms')) >= 1);
  await at('newest').click();
  for (let i = 0; i < 4; i++) await at('zoom-in').click();
  await until('its colour on the timeline', () => painted('timeline', '--alarm'));
  await shot('recordings-forced');
  await at('nav-cameras').click();
  await rowOf(camera).getByTestId('camera-record').click();
  await at('force-stop').click();
  await rowOf(camera).getByTestId('camera-forced').waitFor({ state: 'detached' });
});

await step('an alarm by hand is recorded and listed', async () => {
  const [camera] = given.cameras;
  await rowOf(camera).getByTestId('camera-record').click();
  await at('alarm-text').fill('Somebody at the fence');
  await at('alarm-trigger').click();
  await rowOf(camera).getByTestId('camera-alarm').waitFor();
  await rowOf(camera).getByTestId('camera-details').click();
  await page.locator('[data-testid="trigger"]', { hasText: 'Somebody at the fence' }).waitFor();
});

await step('a range is protected, listed, changed and lifted', async () => {
  const [camera] = given.cameras;
  await at('nav-recordings').click();
  await at('camera-select').selectOption({ label: camera.name });
  await until('footage on the timeline', async () => Number(await at('timeline').getAttribute('data-segments')) >= 1);
  await at('range-begin').click();
  await at('range-from').press('Shift+ArrowLeft');
  await shot('range');
  await at('range-protect').click();
  await at('protect-submit').click();
  await until('a word about the reason', async () => (await at('protect-dialog').innerText()).includes('Say why'));
  await at('protect-reason').fill('Case 4711');
  await at('protect-span').selectOption('30');
  await at('protect-submit').click();
  await at('protect-dialog').waitFor({ state: 'hidden' });
  await until('the protection on the timeline', async () => (await at('timeline').getAttribute('data-protections')) === '1');
  await until('its colour on the timeline', () => painted('timeline', '--protected'));
  await shot('recordings-protected');
  await at('tab-protections').click();
  const row = page.locator('[data-testid="protection"]', { hasText: 'Case 4711' });
  must((await row.innerText()).includes(username), 'the list does not say who protected the range');
  await shot('protections');
  await row.getByTestId('protection-change').click();
  await at('protect-reason').fill('');
  await at('protect-submit').click();
  await until('a word about the reason', async () => (await at('protection-dialog').innerText()).includes('Say why'));
  await at('protect-reason').fill('Case 4711, second hearing');
  await at('protect-span').selectOption('365');
  await shot('protection-change');
  await at('protect-submit').click();
  await until('who changed it', async () => (await row.innerText()).includes(`changed by ${username}`) && (await row.innerText()).includes('second hearing'));
  const [changed] = await ask('/protections');
  must(changed.untilMs - Date.now() > 360 * 86_400_000, `it ends at ${changed.untilMs}`);
  await row.getByTestId('protection-lift').click();
  await at('confirm-action').click();
  await row.waitFor({ state: 'detached' });
  must((await ask('/protections')).length === 0, 'the protection is still there');
});

await step('coverage adds up', async () => {
  await at('nav-cameras').click();
  await at('tab-coverage').click();
  const rows = page.getByTestId('coverage-row');
  await until('a row a camera', async () => (await rows.count()) === given.cameras.length);
  for (let i = 0; i < given.cameras.length; i++) {
    await rows.nth(i).getByTestId('coverage-cell').last().click();
    const detail = at('coverage-detail');
    const [scheduled, recorded, causes] = await Promise.all(['scheduled', 'recorded', 'causes'].map(async (name) => Number(await detail.getAttribute(`data-${name}-ms`))));
    must(scheduled > 0 && recorded > 0, `${scheduled} ms scheduled, ${recorded} ms recorded`);
    must(recorded + causes === scheduled, `${recorded} ms recorded and ${causes} ms with causes are not the ${scheduled} ms scheduled`);
  }
  await shot('coverage');
});

await step('storage shows the disks', async () => {
  await at('nav-system').click();
  await at('tab-storage').click();
  await at('disks').waitFor();
  await shot('storage');
});

await step('the archive says how full it is, and what each camera takes', async () => {
  await at('nav-system').click();
  await at('tab-archive').click();
  await at('fill-volume').first().waitFor();
  await until('a line a camera', async () => (await page.getByTestId('usage').count()) === given.cameras.length);
  await shot('archive');
});

await step('the system page shows the machine', async () => {
  await at('nav-system').click();
  await at('machine').waitFor();
  await at('volume').first().waitFor();
  await shot('system');
});

await step('every page fits a phone and a wall screen, dark and light', async () => {
  // Each page, by what leads to it.
  const names = { live: [], recordings: [], protections: ['recordings'], exports: ['recordings'], cameras: [], calendars: ['cameras'], coverage: ['cameras'], system: [], storage: ['system'], archive: ['system'] };
  for (const [size, viewport] of Object.entries({ phone: { width: 360, height: 740 }, wall: { width: 1920, height: 1080 } })) {
    await page.setViewportSize(viewport);
    for (const colour of ['dark', 'light']) {
      await page.emulateMedia({ colorScheme: colour });
      for (const [name, [entry]] of Object.entries(names)) {
        if (entry && (size === 'phone') !== (colour === 'dark')) continue; // one of each for pages behind a tab
        await at(`nav-${entry ?? name}`).click();
        if (entry) await at(`tab-${name}`).click();
        await page.waitForTimeout(name === 'live' ? 2500 : 600); // for pictures to come, and for the eye
        await shot(`${name}-${size}-${colour}`);
        const excess = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        must(excess <= 0, `${name} on ${size}: ${excess} pixels wider than the screen`);
      }
    }
  }
});

await step('how a stream was is drawn', async () => {
  await page.setViewportSize({ width: 1280, height: 800 });
  await at('nav-cameras').click();
  await rowOf(given.cameras[0]).getByTestId('camera-details').click();
  await at('history-hour').click();
  for (const measure of ['bitrate', 'fps', 'gop', 'loss', 'online']) {
    const graph = page.locator(`[data-testid="graph"][data-measure="${measure}"]`);
    await until(`the first minute of ${measure}`, async () => (await graph.count()) > 0 && Number(await graph.getAttribute('data-points')) >= 1, 150_000);
    must((await graph.locator('canvas').count()) > 0, `${measure} is not drawn`);
  }
  await page.locator('[data-testid="graph"]').first().scrollIntoViewIfNeeded();
  await shot('history');
});

await step('the recordings of a removed camera stay in reach', async () => {
  const gone = given.cameras.at(-1);
  await at('nav-cameras').click();
  const row = page.locator('[data-testid="camera-row"]', { hasText: gone.name });
  await row.getByTestId('camera-remove').click();
  await at('confirm-action').click();
  await row.waitFor({ state: 'detached' });
  await at('nav-recordings').click();
  const heading = at('camera-select').locator('optgroup[label="Removed cameras"]');
  await heading.locator('option', { hasText: gone.name }).waitFor({ state: 'attached' });
  await at('camera-select').selectOption({ label: gone.name });
  await until('its segments in the timeline', async () => Number(await at('timeline').getAttribute('data-segments')) >= 1);
  await shot('recordings-removed');
});

await browser.close();
