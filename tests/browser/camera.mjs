// The page of a camera that offers more than can be recorded, and then shows another certificate. Argument of the script
// (see stage.mjs):
//
//   url, username, password
//   camera               id
//   replaced             address that, when it is asked for, gives the camera another certificate
//   shots, node
import { ask, at, end, given, login, must, page, shots, step, until } from './stage.mjs';

const state = async () => (await ask(`/cameras/${given.camera}`)).state;
const text = (id) => at(id).innerText();

await step('what is left out of the offer is said, with what would be recorded', async () => {
  await login(given.username, given.password);
  await page.goto(new URL(`/cameras/${given.camera}`, given.url).href);
  await until('it is recorded', async () => (await text('recording-main-standard')).includes('Recording'), 30_000);
  const said = await until('something is left out', async () => (await at('left-out-main').allInnerTexts()).join('\n'));
  must(/Another sound is not recorded: codec SPEEX is not supported; supported are AAC/.test(said), said);
  must((await text('stream-main')).includes('PCMA'), 'the sound that is recorded is not there');
  await shots('left-out');
});

await step('testing the camera says it as well', async () => {
  await at('camera-edit').click();
  await at('camera-test').click();
  await until('the result', async () => /SPEEX/.test(await text('camera-tested')));
  await shots('tested');
  await page.keyboard.press('Escape');
  await at('camera-dialog').waitFor({ state: 'detached' });
});

await step('another certificate takes the camera off, and the page says why', async () => {
  must((await fetch(given.replaced)).ok, 'the certificate was not changed');
  await until('the state', async () => (await state()).code === 'certificate_changed');
  await until('the page', async () => /Offline/.test(await text('stream-main')) && /certificate/.test(await text('stream-main')));
  await at('certificate-accept').waitFor();
  await shots('refused');
});

await step('a person sees the new key, and may leave it at that', async () => {
  const shown = (await state()).streams[0].certificate;
  must(/^[0-9a-f]{64}$/.test(shown), `the key is ${shown}`);
  await at('certificate-accept').click();
  must((await text('confirm')).includes(shown), 'the key is not shown');
  await shots('question');
  await at('confirm').getByText('Cancel').click();
  must((await ask(`/cameras/${given.camera}`)).certificate !== shown, 'it was accepted all the same');
});

await step('once it is accepted the camera is recorded again, and known by it', async () => {
  const shown = (await state()).streams[0].certificate;
  await at('certificate-accept').click();
  await at('confirm-action').click();
  await until('it is recorded', async () => (await text('recording-main-standard')).includes('Recording') && /Live/.test(await text('stream-main')), 30_000);
  must((await ask(`/cameras/${given.camera}`)).certificate === shown, 'it is known by another');
  await at('certificate-accept').waitFor({ state: 'detached' });
});

await end();
