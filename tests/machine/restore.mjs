// The page System of a machine that was started from a medium and has taken up the recorder of its disks. Argument of the script
// (see ../browser/stage.mjs):
//
//   url, username, password, shots, node
//   serial               of the new disk
import { at, end, given, login, page, shots, step } from '../browser/stage.mjs';

const row = page.locator(`[data-testid="install-disk"][data-serial="${given.serial}"]`);

await step('the page says whose recordings are there, and offers to restore the recorder', async () => {
  await login(given.username, given.password);
  await page.goto(new URL('/system', given.url).href);
  await row.waitFor();
  await at('install').getByText('Restore this recorder').waitFor();
  await at('install-about').getByText(/taken up the recorder \S+ from its disks: \d+ cameras, recordings of 1 day, the newest snapshot of their index of \d\d:\d\d/).waitFor();
  await at('install').scrollIntoViewIfNeeded();
  await shots('restore');
});

await step('it is restored on the new disk', async () => {
  await row.getByTestId('install-choose').click();
  await at('install-serial').fill(given.serial);
  await at('install-submit').click();
  await row.getByTestId('install-progress').waitFor();
});

await end();
