// Users with fewer rights, as an administrator makes them and as they find the web admin. Argument of the script (see
// stage.mjs):
//
//   url, username, password
//   camera               id
//   other                id of a camera that the viewer is not to see
//   shots, node
import { ask, at, context, end, given, login, must, page, shots, step, until } from './stage.mjs';

const row = (name) => page.locator(`[data-testid=user][data-user=${name}]`);
const password = 'a viewer of the gate';

async function leave() {
  await at('account').click();
  await at('logout').click();
  await at('login-username').waitFor();
}

await step('an administrator adds a viewer', async () => {
  await login(given.username, given.password);
  await page.goto(new URL('/access', given.url).href);
  await row(given.username).waitFor();
  must(await row(given.username).getByTestId('user-delete').isDisabled(), 'one can delete oneself');
  await at('user-add').click();
  await at('user-name').fill('Vera Viewer');
  await at('new-password').fill(password);
  await at('repeat-password').fill(password);
  await at('user-submit').click();
  await until('a refusal', async () => (await at('user-dialog').innerText()).includes('may hold letters'));
  await at('user-name').fill('vera');
  await at('user-dialog').locator('.switch', { has: at('user-all') }).click();
  await at('user-submit').click();
  await until('a refusal', async () => (await at('user-dialog').innerText()).includes('Choose the cameras'));
  await at('user-cameras').locator('label').first().click();
  await shots('user-dialog');
  await at('user-submit').click();
  await row('vera').waitFor();
  must((await row('vera').innerText()).includes('only Gate'), 'her cameras are not named');
  await row('vera').scrollIntoViewIfNeeded();
  await shots('users');
});

await step('the viewer finds live pictures and recordings, and nothing to change', async () => {
  await leave();
  await login('vera', password);
  must((await page.locator('nav[aria-label=Main] a').allInnerTexts()).map((text) => text.trim()).join() === 'Live,Recordings', 'other pages are offered');
  await until('a tile', async () => (await at('tile').count()) === 1);
  must((await at('tile-record').count()) === 0, 'she may record');
  await shots('viewer-live');
  await at('nav-recordings').click();
  await until('a timeline', async () => (await at('range-begin').count()) === 1);
  must((await at('tab-exports').count()) === 0, 'she may export');
  await at('range-begin').click();
  await at('range-loop').waitFor();
  must((await at('range-export').count()) + (await at('range-protect').count()) === 0, 'she may export or protect');
  await shots('viewer-recordings');
  await page.goto(new URL('/system', given.url).href);
  await until('the first page in its place', async () => (await at('tile').count()) === 1);
  for (const what of ['/users', '/exports', '/network']) must((await ask(what)).code === 'no_right', `she may read ${what}`);
  const seen = await ask('/cameras');
  must(seen.length === 1 && seen[0].id === given.camera, `she sees ${JSON.stringify(seen)}`);
  must((await ask(`/cameras/${given.other}`)).code === 'no_camera', 'she sees the other camera');
});

await step('another profile counts at once', async () => {
  // The administrator sits elsewhere.
  const desk = await context.browser().newContext({ ignoreHTTPSErrors: true, baseURL: given.url });
  const origin = { Origin: new URL(given.url).origin };
  must((await desk.request.post('/api/v1/login', { headers: origin, data: { username: given.username, password: given.password } })).ok(), 'no log-in');
  must((await desk.request.put('/api/v1/users/vera', { headers: origin, data: { profile: 'guard' } })).ok(), 'no change');
  await desk.close();
  await at('login-username').waitFor(); // she is logged out, wherever she was
  await login('vera', password);
  must((await page.locator('nav[aria-label=Main] a').count()) === 1, 'a guard is offered recordings');
  must((await ask(`/cameras/${given.camera}/timeline?fromMs=0&toMs=1000`)).code === 'no_right', 'a guard may read a timeline');
});

await end();
