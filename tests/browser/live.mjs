// Live pictures in the browser, measured by what the pictures themselves say. Argument of the script (see stage.mjs):
//
//   url, username, password
//   cameras              [{name, fps, width, height, phaseMs}]: phaseMs is, for each stream, added to the instant that a frame's number says
//   late                 {name, fps, width, height, phaseMs, url}: a camera of H.265, which is added when its turn has come
//   holdMs               how long to watch one camera for whether its latency stays; 0: not at all
//   watchMs, limitMs     how long to watch for latency, and what 95 of 100 frames may have
//   shots, downloads, node
import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ask, at, context, end, given, login, must, page, pixels, shot, step, until } from './stage.mjs';

/** Sockets that bring live pictures now. */
const sockets = new Set();
page.on('websocket', (socket) => {
  if (!socket.url().includes('/live')) return;
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
});
// A browser that no packet by UDP reaches.
await context.addInitScript(() => {
  if (!sessionStorage.getItem('deaf')) return;
  const set = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    return set.call(this, { ...description, sdp: description.sdp.replace(/a=candidate.*\r\n/g, '') });
  };
});
// A browser whose packets by UDP, each way, go through a line that loses some.
const line = { lost: 0, passed: 0, seed: 1 };
await context.exposeFunction('lossyLine', async (address, port) => {
  const [near, far] = [createSocket('udp4'), createSocket('udp4')];
  const loses = () => {
    line.seed = (line.seed * 1103515245 + 12345) % 2 ** 31;
    const lost = line.seed / 2 ** 31 < 0.05;
    line[lost ? 'lost' : 'passed']++;
    return lost;
  };
  let browser;
  near.on('message', (packet, from) => {
    browser = from;
    if (!loses()) far.send(packet, port, address);
  });
  far.on('message', (packet) => browser && !loses() && near.send(packet, browser.port, browser.address));
  for (const socket of [near, far]) {
    socket.unref();
    await new Promise((bound) => socket.bind(0, '127.0.0.1', bound));
  }
  return near.address().port;
});
await context.addInitScript(() => {
  if (!sessionStorage.getItem('lossy')) return;
  const set = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = async function (description) {
    let { sdp } = description;
    for (const [candidate, head, address, port] of sdp.matchAll(/(a=candidate:\S+ \d+ udp \d+) (127\.0\.0\.1) (\d+)/gi)) sdp = sdp.replace(candidate, `${head} ${address} ${await window.lossyLine(address, Number(port))}`);
    // The line is the only way.
    sdp = sdp.replace(/a=candidate:\S+ \d+ udp \d+ (?!127\.0\.0\.1 )\S+ .*\r\n/gi, '');
    return set.call(this, { ...description, sdp });
  };
});
/** Loads the page anew; sockets of the page before say nothing when they go with it. */
async function reload() {
  sockets.clear();
  await page.reload();
}
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

/** From the click that opens the page until a tile shows a picture, and until that is a live one, in ms. */
async function starts(camera) {
  return page.evaluate(
    ({ name, fps, phaseMs }) =>
      new Promise((resolve, reject) => {
        const begun = performance.now();
        let first = 0;
        document.querySelector('[data-testid="nav-live"]').click();
        const look = () => {
          for (const root of document.querySelectorAll('[data-testid="tile"]')) {
            if (root.querySelector('.name')?.textContent !== name) continue;
            const element = root.querySelector('[data-testid="tile-video"]');
            const code = element ? window.readCode(element) : null;
            if (code === null) continue;
            const age = (Date.now() - (code / fps) * 1000 - phaseMs[root.dataset.stream] + 90_000) % 60_000 - 30_000;
            first ||= performance.now() - begun;
            if (age < 500) return resolve([first, performance.now() - begun]);
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
async function watched(camera, limitMs = given.limitMs) {
  let tries = 6;
  for (let last = ''; ; tries--) {
    if (tries === 0) throw new Error(last);
    const seen = percentiles(await latencies(camera, given.watchMs));
    last = told(await tile(camera).getAttribute('data-way'), seen);
    if (seen.p95 <= limitMs && seen.count > (Math.min(camera.fps, 12) * given.watchMs) / 1000 / 2) return last;
  }
}

if (given.holdMs > 0) {
  await step(`${gate.name} is shown without delay for long`, async () => {
    const minutes = [];
    for (const until = Date.now() + given.holdMs; Date.now() < until; ) minutes.push(await latencies(gate, 60_000));
    const [newest, oldest, all] = [minutes.at(-1), minutes[0], minutes.flat()].map(percentiles);
    const note = `${minutes.length} minutes, ${told(await tile(gate).getAttribute('data-way'), all)}; p50 of the first minute ${oldest.p50.toFixed(0)} ms, of the last ${newest.p50.toFixed(0)} ms`;
    must(all.p95 <= given.limitMs && newest.p50 < oldest.p50 + 40, note);
    return note;
  });
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
  return `${told('first picture', percentiles(all.map(([first]) => first)))}; ${told('live', percentiles(all.map(([, live]) => live)))}`;
});

const order = () => page.getByTestId('tile').locator('.name').allInnerTexts();
/** Carries a tile to the middle of a cell of the wall. */
async function carry(camera, column, row, columns, rows) {
  const from = await tile(camera).boundingBox();
  const wall = await at('wall').boundingBox();
  await page.mouse.move(from.x + from.width / 2, from.y + from.height / 3);
  await page.mouse.down();
  await page.mouse.move(wall.x + ((column + 0.5) * wall.width) / columns, wall.y + ((row + 0.5) * wall.height) / rows, { steps: 5 });
  await shot('carrying');
  await page.mouse.up();
}

await step('tiles are dragged, a layout is kept, and is there after a reload', async () => {
  const before = await order();
  await carry(lane, 0, 0, 2, 2);
  await until('the tiles have changed places', async () => (await order())[0] === lane.name);
  must((await order()).length === before.length, `there are ${await order()}`);
  await at('layout-save').click();
  await at('layout-submit').click();
  await until('a word about the name', async () => (await at('layout-dialog').innerText()).includes('Give the layout a name'));
  await at('layout-name').fill('Ways');
  await at('layout-submit').click();
  await at('layout-dialog').waitFor({ state: 'hidden' });
  await at('layout-columns').selectOption('3');
  await page.getByTestId('spare').first().waitFor();
  await at('layout-undo').click();
  await reload();
  await until('the layout after the reload', async () => (await order()).join() === [lane, hall, gate].map(({ name }) => name).join());
  const [kept] = await ask('/layouts');
  must(kept.name === 'Ways' && kept.tiles.length === 3 && kept.columns === 2, JSON.stringify(kept));
  // by keys: the first tile goes one to the right, and off
  await tile(lane).focus();
  await page.keyboard.press('Shift+ArrowRight');
  await until('the tile one to the right', async () => (await order())[1] === lane.name);
  await page.keyboard.press('Delete');
  await until('the tile off the layout', async () => (await order()).join() === `${hall.name},${gate.name}`);
  await page.getByTestId('spare-camera').first().selectOption({ label: lane.name });
  await until('the camera chosen for the cell', async () => (await order()).length === 3);
  await at('layout-save').click();
  await at('layout-submit').click();
  await at('layout-dialog').waitFor({ state: 'hidden' });
  must((await ask('/layouts')).length === 1, 'a layout kept under its name has become a second one');
  await at('layout-delete').click();
  await at('confirm-action').click();
  await until('the wall as it comes', async () => (await order()).join() === before.join());
});

await step('keys lead about the wall', async () => {
  await tile(gate).focus();
  const focused = () => page.evaluate(() => document.activeElement?.querySelector('.name')?.textContent);
  await page.keyboard.press('ArrowRight');
  must((await focused()) === hall.name, `ArrowRight leads to ${await focused()}`);
  await page.keyboard.press('ArrowDown');
  must((await focused()) === lane.name, `ArrowDown leads to ${await focused()}`);
  await page.keyboard.press('Enter');
  await until('the tile alone', async () => (await order()).join() === lane.name);
  await page.keyboard.press('ArrowRight');
  await until('the next camera alone', async () => (await order()).join() === gate.name);
  await page.keyboard.press('2');
  await until('the second camera alone', async () => (await order()).join() === hall.name);
  await page.keyboard.press('Escape');
  await until('all tiles', async () => (await order()).length === 3);
});

await step('a picture is magnified by wheel, mouse and keys', async () => {
  const box = await tile(hall).boundingBox();
  const scale = async () => Number(await tile(hall).getAttribute('data-scale'));
  await page.mouse.move(box.x + box.width / 4, box.y + box.height / 2);
  for (let i = 0; i < 4; i++) await page.mouse.wheel(0, -200);
  await until('a magnified picture', async () => (await scale()) > 2);
  await tile(hall).getByTestId('tile-magnified').waitFor();
  const left = async () => (await picture(hall).boundingBox()).x;
  const before = await left();
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 4 - 60, box.y + box.height / 2, { steps: 3 });
  await page.mouse.up();
  must(Math.abs((await left()) - before + 60) < 2, `the picture moved by ${(await left()) - before}`);
  await shot('magnified');
  await tile(hall).focus();
  await page.keyboard.press('+');
  await page.keyboard.press('Escape');
  await until('the whole picture', async () => (await scale()) === 1);
  // two fingers
  const hands = await context.newCDPSession(page);
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const touch = (type, apart) => hands.send('Input.dispatchTouchEvent', { type, touchPoints: apart === undefined ? [] : [{ x: x - apart, y, id: 1 }, { x: x + apart, y, id: 2 }] });
  await touch('touchStart', 30);
  for (const apart of [40, 55, 70, 90]) await touch('touchMove', apart);
  await touch('touchEnd');
  await until('what two fingers magnified', async () => (await scale()) > 2 && (await scale()) < 4);
  await page.keyboard.press('Escape');
  await until('the whole picture', async () => (await scale()) === 1);
});

await step('a picture is saved with camera and time', async () => {
  await tile(hall).focus();
  for (const [key, kind] of [['p', 'png'], ['Shift+P', 'jpg']]) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press(key)]);
    const name = download.suggestedFilename();
    must(new RegExp(`^${hall.name}_\\d{4}-\\d\\d-\\d\\d_\\d\\d-\\d\\d-\\d\\d-\\d{3}Z\\.${kind}$`).test(name), `the file is called ${name}`);
    const bytes = readFileSync(await download.path());
    const size = await page.evaluate(async (base64) => {
      const image = await createImageBitmap(new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))]));
      return [image.width, image.height];
    }, bytes.toString('base64'));
    must(size[0] === hall.width && size[1] > hall.height && size[1] < hall.height * 1.2, `the file is a picture of ${size}`);
    if (kind === 'png') writeFileSync(path.join(given.shots, 'snapshot.png'), bytes);
  }
});

await step('tiles that nobody sees cost nothing', async () => {
  await until('a socket a tile', async () => sockets.size === given.cameras.length);
  await page.keyboard.press('1');
  await until('one socket for one tile', async () => sockets.size === 1);
  await page.keyboard.press('Escape');
  await until('a socket a tile again', async () => sockets.size === given.cameras.length);
  await at('nav-system').click();
  await until('no socket on another page', async () => sockets.size === 0);
  await at('nav-live').click();
  await until('a socket a tile once more', async () => sockets.size === given.cameras.length);
  // In a tab that is hidden, after a moment.
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { value: true, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await until('no socket in a hidden tab', async () => sockets.size === 0);
  await page.evaluate(() => {
    delete document.hidden;
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await until('pictures again', async () => (await frame(gate)) !== null && sockets.size === given.cameras.length);
});

await step('by WebRTC, where that goes; the reason is told where it does not', async () => {
  await tile(gate).focus();
  await page.keyboard.press('i');
  await tile(gate).getByTestId('transport').selectOption('webrtc');
  await until('pictures by WebRTC', async () => (await tile(gate).getAttribute('data-way')) === 'webrtc' && (await frame(gate)) !== null);
  const note = await watched(gate);
  await shot('webrtc');
  await tile(gate).hover();
  await tile(gate).getByTestId('tile-sound').click();
  const streaming = () => picture(gate).evaluate(async (element) => {
    if (element.muted) return false;
    window.listening ??= new AudioContext();
    const analyser = window.listening.createAnalyser();
    window.listening.createMediaStreamSource(new MediaStream(element.srcObject.getAudioTracks())).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    for (const end = performance.now() + 1500; performance.now() < end; await new Promise((next) => setTimeout(next, 20))) {
      analyser.getFloatTimeDomainData(samples);
      if (samples.some((sample) => Math.abs(sample) > 0.01)) return true;
    }
    return false;
  });
  await until('sound by WebRTC', streaming);
  await until('JPEG pictures, which do not go', async () => (await tile(lane).getAttribute('data-way')) === 'jpeg');
  await tile(lane).focus();
  await page.keyboard.press('i');
  must((await tile(lane).getByTestId('tile-info').innerText()).includes('Motion JPEG cannot be sent by WebRTC'), await tile(lane).getByTestId('tile-info').innerText());
  await shot('webrtc-refused');
  // AAC does not go by WebRTC: where its sound is wanted, the stream comes the other way.
  await until('the other camera by WebRTC', async () => (await tile(hall).getAttribute('data-way')) === 'webrtc');
  await heard(hall);
  must((await tile(hall).getAttribute('data-way')) === 'webcodecs', 'AAC is not heard by WebRTC');
  await tile(gate).getByTestId('transport').selectOption('auto');
  await until('the WebSocket again', async () => (await tile(gate).getAttribute('data-way')) === 'webcodecs');
  return note;
});

await step('WebRTC goes over a line that loses one packet in twenty', async () => {
  await page.evaluate(() => {
    sessionStorage.setItem('lossy', 'yes');
    localStorage.setItem('vigie.transport', 'webrtc');
  });
  await reload();
  await until('pictures by WebRTC', async () => (await tile(gate).getAttribute('data-way')) === 'webrtc' && (await frame(gate)) !== null);
  const note = await watched(gate);
  must(line.lost > 5 && line.passed > 100, `${line.lost} of ${line.lost + line.passed} packets were lost`);
  await page.evaluate(() => {
    sessionStorage.removeItem('lossy');
    localStorage.removeItem('vigie.transport');
  });
  return `${note}; ${line.lost} of ${line.lost + line.passed} packets lost`;
});

await step('where UDP does not get through, the WebSocket serves', async () => {
  // A browser whose WebRTC finds no way: every candidate of the appliance is taken out.
  await page.evaluate(() => sessionStorage.setItem('deaf', 'yes'));
  await page.evaluate(() => localStorage.setItem('vigie.transport', 'webrtc'));
  await reload();
  await until('pictures by WebSocket', async () => (await tile(gate).getAttribute('data-way')) === 'webcodecs' && (await frame(gate)) !== null);
  await tile(gate).focus();
  await page.keyboard.press('i');
  await until('the reason', async () => /UDP|WebRTC/.test(await tile(gate).getByTestId('tile-info').innerText()));
  const reason = await tile(gate).getByTestId('tile-info').innerText();
  await page.evaluate(() => { sessionStorage.removeItem('deaf'); localStorage.removeItem('vigie.transport'); });
  return reason.replaceAll('\n', ' ').slice(0, 160);
});

await step('a browser without WebCodecs plays the stream, with sound where it is wanted', async () => {
  await page.evaluate(() => sessionStorage.setItem('without', JSON.stringify(['VideoDecoder', 'AudioDecoder', 'RTCPeerConnection'])));
  await reload();
  await until('a picture in a player', async () => (await tile(hall).getAttribute('data-way')) === 'mse' && (await frame(hall)) !== null);
  await until('a JPEG', async () => (await tile(lane).getAttribute('data-way')) === 'jpeg' && (await frame(lane)) !== null);
  const note = await watched(hall, Math.max(500, given.limitMs)); // a player's buffer is what it is
  await tile(hall).hover();
  await tile(hall).getByTestId('tile-sound').click();
  await until('sound decoded', () => picture(hall).evaluate((element) => element.muted === false && element.webkitAudioDecodedByteCount > 0));
  await shot('player');
  return note;
});

await step('the appliance makes pictures of video that this browser cannot decode', async () => {
  const { late } = given;
  await page.evaluate(() => sessionStorage.removeItem('without'));
  await reload();
  await until('the wall', async () => (await frame(gate)) !== null);
  await page.evaluate((camera) => fetch('/api/v1/cameras', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(camera) }), { name: late.name, url: late.url, enabled: true });
  await reload();
  await until('pictures made by the appliance', async () => (await tile(late).getAttribute('data-way')) === 'jpeg' && (await frame(late)) !== null, 30_000);
  const note = await watched(late, Math.max(500, given.limitMs));
  await heard(late);
  await tile(late).focus();
  await page.keyboard.press('i');
  await until('the reason', async () => (await tile(late).getByTestId('tile-info').innerText()).includes('cannot play H.265'));
  await shot('converted');
  return note;
});

await step('the wall fits a phone, a desk and a wall screen', async () => {
  for (const [name, viewport] of Object.entries({ phone: { width: 360, height: 740 }, desk: { width: 1280, height: 800 }, wall: { width: 3840, height: 2160 } })) {
    await page.setViewportSize(viewport);
    await page.waitForTimeout(1500); // for pictures to come, and for the eye
    await shot(`wall-${name}`);
    const excess = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    must(excess <= 0, `${name}: ${excess} pixels wider than the screen`);
  }
});

await end();
