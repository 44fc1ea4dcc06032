// The card "Versions" of the page System of an installed machine: an update is sent, and started. Argument of the script (see
// ../browser/stage.mjs):
//
//   url, username, password, shots, node
//   file, version        of the update
import { at, end, given, login, must, page, shots, step, until } from '../browser/stage.mjs';

await step('the card shows the versions in both slots', async () => {
  await login(given.username, given.password);
  await page.goto(new URL('/system', given.url).href);
  await at('update-slot').nth(1).waitFor();
  must((await page.locator('[data-testid="update-slot"][data-running="true"]').count()) === 1, 'not one slot runs');
  await at('updates').scrollIntoViewIfNeeded();
  await shots('versions');
});

await step('what is no update is refused before it is sent', async () => {
  await at('update-file').setInputFiles({ name: 'holiday.img', mimeType: 'application/octet-stream', buffer: Buffer.alloc(200_000, 7) });
  await until('a refusal', async () => (await at('update-refused').count()) > 0 && (await at('update-refused').innerText()).includes('not an update'));
});

await step('an update is judged, and written', async () => {
  await at('update-file').setInputFiles(given.file);
  await at('update-offer').waitFor();
  must((await at('update-offer').innerText()).includes(given.version), 'its version is not shown');
  await shots('update-offer');
  await at('update-take').click();
  await until('it is in the other slot', async () => {
    const other = page.locator('[data-testid="update-slot"][data-running="false"]');
    return (await at('update-offer').count()) === 0 && (await other.innerText()).includes(given.version);
  }, 120_000);
});

await step('it is started', async () => {
  await at('update-try').click();
  await at('update-try-dialog').waitFor();
  await shots('update-try');
  await at('update-try-submit').click();
  await at('power-phase').waitFor();
});

await end();
