// A configuration file is brought to a machine that was set up anew. Argument of the script (see ../browser/stage.mjs):
//
//   url, username, password, shots, node
//   file, passphrase
//   camera               name of the camera in the file
import { at, ask, end, given, login, must, page, shots, step, until } from '../browser/stage.mjs';

const text = async (id) => (await at(id).allInnerTexts()).join('\n');

await step('another passphrase opens nothing', async () => {
  await login(given.username, given.password);
  await page.goto(new URL('/system', given.url).href);
  await at('configuration-import').click();
  await at('import-file').setInputFiles(given.file);
  await at('import-passphrase').fill('four unrelated birds');
  await at('import-look').click();
  await until('a refusal', async () => (await at('import-dialog').innerText()).includes('not the passphrase'));
  await shots('configuration-wrong-passphrase');
});

await step('what it would change is shown, and nothing is changed', async () => {
  const before = (await ask('/cameras')).map((one) => one.id).join();
  await at('import-passphrase').fill(given.passphrase);
  await at('import-look').click();
  await at('import-offer').waitFor();
  const said = await text('import-change');
  must(said.includes(given.camera), `the camera is not named: ${said}`);
  must(said.includes('Removed'), `that other cameras go is not said: ${said}`);
  await shots('configuration-import');
  must((await ask('/cameras')).map((one) => one.id).join() === before, 'cameras have changed already');
});

await step('confirmed, it is in force', async () => {
  await at('import-apply').click();
  await at('import-done').waitFor();
  await shots('configuration-imported');
});

await step('its network is on trial, and is kept', async () => {
  await page.getByRole('button', { name: 'Done' }).click();
  await at('trial-keep').waitFor();
  await shots('configuration-trial');
  await at('trial-keep').click();
  await until('the trial is over', async () => (await at('trial').count()) === 0);
});

await end();
