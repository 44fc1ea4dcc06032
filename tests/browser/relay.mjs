// The relay as its owner sets it up, with ffmpeg as the other program. Argument of the script (see stage.mjs):
//
//   url, username, password
//   camera               id
//   port                 that RTSP is to have
//   shots, node
import { spawn } from 'node:child_process';
import { at, end, given, login, must, page, shots, step, until } from './stage.mjs';

let secret = '';
let reader;

await step('nothing listens until the relay is switched on', async () => {
  await login(given.username, given.password);
  await page.goto(new URL('/relay', given.url).href);
  await at('relay-page').waitFor();
  await shots('off');
  await at('relay-edit').click();
  await at('relay-enabled').check({ force: true });
  await at('relay-port').fill(String(given.port));
  await at('relay-tls').uncheck({ force: true }); // or it would take its usual port
  await shots('settings');
  await at('relay-submit').click();
  await at('relay-addresses').waitFor();
  must((await at('relay-problem').count()) === 0, 'it does not listen');
});

await step('an account has its password told once', async () => {
  await at('relay-account-add').click();
  await at('relay-account-name').fill('wall');
  await at('relay-account-submit').click();
  secret = (await at('relay-password-text').innerText()).trim();
  must(secret.length > 10, `the password is ${secret}`);
  await at('relay-password-close').click();
  await until('the account', async () => (await at('relay-account').innerText()).includes('wall'));
});

await step('a program that reads is shown', async () => {
  const address = (await at('relay-address').first().innerText()).trim();
  must(address.endsWith(`:${given.port}/live/${given.camera}/main`), `the address is ${address}`);
  reader = spawn('ffmpeg', ['-nostdin', '-v', 'error', '-rtsp_transport', 'tcp', '-i', address.replace('rtsp://', `rtsp://wall:${secret}@`), '-f', 'null', '-'], { stdio: 'ignore' });
  await until('the reader', async () => (await at('relay-reader').count()) === 1 && (await at('relay-reader').innerText()).includes('wall'));
  await shots('reader');
});

await step('and can be disconnected', async () => {
  const gone = new Promise((resolve) => reader.once('exit', resolve));
  await at('relay-reader-leave').click();
  await at('confirm-action').click();
  await gone;
  await until('no reader', async () => (await at('relay-reader').count()) === 0);
});

await step("the camera's page has its address", async () => {
  await page.goto(new URL(`/cameras/${given.camera}`, given.url).href);
  await until('the address', async () => (await at('camera-relay').innerText()).includes(`/live/${given.camera}/main`));
  await at('camera-relay').scrollIntoViewIfNeeded();
  await shots('camera');
});

await end();
