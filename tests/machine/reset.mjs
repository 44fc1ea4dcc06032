// A factory reset that leaves the recordings. Argument of the script (see ../browser/stage.mjs):
//
//   url, username, password, shots, node
//   serial               of the disk with recordings
import { at, end, given, login, must, page, shots, step, until } from '../browser/stage.mjs';

await step('the dialog says what goes and what stays', async () => {
  await login(given.username, given.password);
  await page.goto(new URL('/system', given.url).href);
  await at('reset-open').click();
  await at('reset-dialog').waitFor();
  must(await at('reset-submit').isDisabled(), 'it resets without a word');
  await shots('factory-reset');
});

await step('recordings go only for the serial of their disk', async () => {
  const volume = page.locator(`[data-testid="reset-volume"][data-serial="${given.serial}"]`);
  await volume.locator('label.switch').click();
  await volume.getByTestId('reset-serial').waitFor();
  await at('reset-words').fill('factory reset');
  must(await at('reset-submit').isDisabled(), 'it erases recordings without their serial');
  await at('reset-serial').fill(given.serial);
  must(await at('reset-submit').isEnabled(), 'it does not erase with the serial');
  await shots('factory-reset-recordings');
  await volume.locator('label.switch').click();
  await until('the serial is asked for no more', async () => (await at('reset-serial').count()) === 0);
});

await step('the words reset the machine', async () => {
  await at('reset-words').fill('reset');
  must(await at('reset-submit').isDisabled(), 'it resets for other words');
  await at('reset-words').fill('Factory reset');
  await at('reset-submit').click();
  await at('reset-done').waitFor();
  await shots('factory-reset-done');
});

await end();
