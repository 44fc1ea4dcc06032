// Two volumes: one is retired, taken back, and the camera pinned to it. Argument of the script (see stage.mjs):
//
//   url, username, password
//   camera               id
//   shots, node
import { ask, at, end, given, login, must, page, shots, step, until } from './stage.mjs';

const volumes = async () => (await ask('/recording')).volumes;
const on = async () => (await ask('/cameras')).find((one) => one.id === given.camera).state.volume;
let first = '';

async function settings() {
  await page.goto(new URL(`/cameras/${given.camera}`, given.url).href);
  await at('camera-edit').first().click();
  await at('section-recording').locator('button').first().click();
  await at('plan-advanced').click();
}

await step('a volume is retired, and its camera goes elsewhere', async () => {
  await login(given.username, given.password);
  first = await until('it is recorded', on);
  await page.goto(new URL('/system', given.url).href);
  const name = (await volumes()).find((one) => one.id === first).name;
  const row = at('volume').filter({ hasText: name });
  await row.getByTestId('retire').click();
  await at('confirm-action').waitFor();
  await shots('retire');
  await at('confirm-action').click();
  await until('the word', async () => (await row.innerText()).includes('Retired'));
  await until('the other volume', async () => (await on()) !== first);
  await row.scrollIntoViewIfNeeded();
  await shots('retired');
  await row.getByTestId('retire').click();
  await at('confirm-action').click();
  await until('it is in use', async () => !(await row.innerText()).includes('Retired'));
});

await step('a camera is pinned to a volume', async () => {
  await settings();
  await at('plan-volume').selectOption(first);
  await shots('pinned');
  await at('camera-save').click();
  await until('it is kept', async () => (await ask('/cameras')).find((one) => one.id === given.camera).recording.volume === first);
  await settings();
  must((await at('plan-volume').inputValue()) === first, 'the choice is not shown');
});

await end();
