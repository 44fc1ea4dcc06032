// Two volumes: one is retired, taken back, the camera pinned to it and recorded twice, and it is renamed; then the archive's page: a warning, a
// deletion by hand, a repair. Argument of the script (see stage.mjs):
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

await step('a camera is recorded twice', async () => {
  await at('plan-duplicate').check({ force: true }); // its box lies under the switch
  await shots('duplicate');
  await at('camera-save').click();
  const recordings = async () => (await ask('/cameras')).find((one) => one.id === given.camera).state.streams[0].recordings;
  await until('two volumes', async () => (await recordings()).some((one) => one.duplicate && one.volume && one.duplicate !== one.volume));
  await settings();
  must(await at('plan-duplicate').isChecked(), 'the choice is not shown');
  await at('plan-duplicate').uncheck({ force: true });
  await at('camera-save').click();
  await until('once again', async () => (await recordings()).every((one) => !one.duplicate));
});

await step('a volume is renamed, and no two have one name', async () => {
  await page.goto(new URL('/storage', given.url).href);
  const row = page.locator(`[data-testid=volume-row][data-volume="${first}"]`);
  const other = (await volumes()).find((one) => one.id !== first).name;
  await row.getByTestId('volume-rename').click();
  await at('volume-name').fill(other.toLowerCase());
  await at('volume-submit').click();
  await until('the clash is said', async () => (await at('volume-dialog').innerText()).includes('already'));
  await at('volume-name').fill('Yard');
  await shots('renaming');
  await at('volume-submit').click();
  await until('its name', async () => (await row.innerText()).includes('Yard'));
  await until('the name that recording knows', async () => (await volumes()).find((one) => one.id === first).name === 'Yard');
  await shots('renamed');
});

await step('it is warned of a volume that fills', async () => {
  await page.goto(new URL('/archive', given.url).href);
  const row = page.locator(`[data-testid=fill-volume][data-volume="${first}"]`);
  await row.getByTestId('fill-warn').click();
  await at('warn-range').fill('10');
  await at('warn-submit').click();
  await until('the word', async () => (await row.getByTestId('fill-warn').innerText()).includes('10 %'));
  must((await volumes()).find((one) => one.id === first).warnPercent === 10, 'it is not kept');
  await until('what it takes to write', async () => (await at('fill-latency').count()) > 0);
});

await step('recordings are counted, confirmed and deleted', async () => {
  const before = await ask('/recording');
  await at('delete-open').click();
  const to = await page.evaluate(() => new Date(Date.now() - new Date().getTimezoneOffset() * 60_000 - 1000).toISOString().slice(0, 19));
  await at('delete-to').fill(to);
  await shots('delete');
  await at('delete-count').click();
  const plan = at('delete-plan');
  await plan.waitFor();
  const counted = Number(await plan.getAttribute('data-segments'));
  must(counted > 0, 'nothing is counted');
  must((await ask('/recording')).totalSegments >= before.totalSegments, 'something is gone before it was confirmed');
  await shots('delete-plan');
  await at('delete-confirm').click();
  const row = at('deletion').first();
  await until('it is done', async () => (await row.getAttribute('data-status')) === 'done');
  const [done] = await ask('/deletions');
  must(done.by === given.username && done.goneSegments === counted, `${done.goneSegments} of ${counted} are gone, by ${done.by}`);
});

await step('the database is checked', async () => {
  await at('repair-check').click();
  await at('confirm-action').click();
  const report = at('repair-report');
  await until('a report', async () => (await report.count()) === 1 && (await report.getAttribute('data-status')) === 'done');
  must(!(await report.innerText()).includes('damaged'), await report.innerText());
  await report.scrollIntoViewIfNeeded();
  await shots('archive');
});

await end();
