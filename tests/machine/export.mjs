// The card "Configuration" of the page System: all settings as a file. Argument of the script (see ../browser/stage.mjs):
//
//   url, username, password, shots, node
//   file                 where it is to lie
//   passphrase
import { at, end, given, login, must, page, shots, step } from '../browser/stage.mjs';

await step('a passphrase must be long, and typed twice', async () => {
  await login(given.username, given.password);
  await page.goto(new URL('/system', given.url).href);
  await page.setViewportSize({ width: 360, height: 780 });
  await at('configuration').scrollIntoViewIfNeeded();
  await shots('configuration');
  await at('configuration-export').click();
  await at('export-passphrase').fill('short');
  await at('export-again').fill('short');
  await at('export-submit').click();
  await at('export-problem').waitFor();
  await at('export-passphrase').fill(given.passphrase);
  await at('export-submit').click();
  must((await at('export-problem').innerText()).includes('differ'), 'passphrases that differ are taken');
  await shots('configuration-export');
});

await step('the browser gets the file', async () => {
  await at('export-again').fill(given.passphrase);
  const [download] = await Promise.all([page.waitForEvent('download'), at('export-submit').click()]);
  must(download.suggestedFilename().endsWith('.vigie'), `it is called ${download.suggestedFilename()}`);
  await download.saveAs(given.file);
  await at('export-done').waitFor();
});

await end();
