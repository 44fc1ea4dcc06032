// The card "Install" of the page System of a machine that runs from a medium. Argument of the script (see
// ../browser/stage.mjs):
//
//   url, username, password, shots, node
//   serial               of the disk that is installed on
//   small                serial of one that is not offered
import { at, end, given, login, must, page, shots, step } from '../browser/stage.mjs';

const row = (serial) => page.locator(`[data-testid="install-disk"][data-serial="${serial}"]`);

await step('the page says on which disk the machine can be installed, and why not on others', async () => {
  await login(given.username, given.password);
  await page.goto(new URL('/system', given.url).href);
  await row(given.serial).waitFor();
  must((await row(given.serial).getAttribute('data-offered')) === 'true', 'the disk is not offered');
  must((await row(given.small).getAttribute('data-offered')) === 'false', 'a disk that is too small is offered');
  must((await row(given.small).innerText()).includes('this needs'), 'it does not say why');
  await at('install').scrollIntoViewIfNeeded();
  await shots('install');
});

await step('another serial installs nothing', async () => {
  await row(given.serial).getByTestId('install-choose').click();
  await at('install-serial').fill(given.small);
  must(await at('install-submit').isDisabled(), 'it can be installed with the serial of another disk');
  await shots('install-dialog');
});

await step('its own does, and the card shows how far it is', async () => {
  await at('install-serial').fill(given.serial);
  await at('install-submit').click();
  await row(given.serial).getByTestId('install-progress').waitFor();
  await shots('install-progress');
});

await end();
