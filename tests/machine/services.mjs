// An owner looks after the machine itself: its services, a restart, and the end. Started by page_test.go.
import { ask, at, end, given, login, must, page, problems, shots, step, until } from '../browser/stage.mjs';

const service = (name) => page.locator(`[data-testid=service][data-service=${name}]`);
const is = (name, status) => until(`${name} is ${status}`, async () => (await service(name).getAttribute('data-status')) === status);

await step('every service is listed as it is', async () => {
  await login(given.username, given.password);
  await page.goto(new URL('/system', given.url).href);
  for (const name of ['system', 'engine', 'web', 'ntp', 'ssh']) await is(name, 'ready');
  await is('shell', 'stopped');
  must((await service('shell').getByTestId('service-restart').count()) === 0, 'what starts on demand can be restarted by hand');
  must((await service('system').getByTestId('service-stop').count()) === 0, 'system can be stopped, and nobody could start it again');
  const words = await service('engine').innerText();
  must(/for \d+ (s|min).* · [\d.]+ [kM]B.* · restarted .* · process \d+/s.test(words.replaceAll('\u00a0', ' ')), words);
  await shots('services');
});

await step('the last lines of its log are read', async () => {
  await service('ssh').getByTestId('service-log').click();
  await until('lines', async () => (await at('log-dialog').innerText()).includes('listening'));
  await shots('service-log');
  await page.keyboard.press('Escape');
});

await step('a service is stopped, and started again', async () => {
  await service('ntp').getByTestId('service-stop').click();
  await at('confirm-action').click();
  await is('ntp', 'stopped');
  await service('ntp').getByTestId('service-start').click();
  await is('ntp', 'ready');
});

await step('the machine is restarted, until it answers again', async () => {
  const before = await ask('/status');
  await at('reboot').click();
  await at('confirm-action').click();
  await until('it is gone', async () => (await at('power-phase').getAttribute('data-phase')) === 'away');
  await shots('restarting');
  await until('it answers', () => at('login-submit').isVisible(), 4 * given.patience);
  must((await at('session-expired').innerText()).includes('has restarted'), 'why one must log in is not told');
  await shots('restarted');
  problems.length = 0; // pieces of the page that were on their way when it went
  await login(given.username, given.password, new URL('/system', given.url).href);
  const after = await ask('/status');
  must(after.startedMs > before.startedMs, `it started at ${before.startedMs}, and at ${after.startedMs}`);
  return `${Math.round((after.startedMs - before.startedMs) / 1000)} s between two starts`;
});

await step('the machine is switched off', async () => {
  await page.goto(new URL('/system', given.url).href);
  await at('poweroff').click();
  await at('confirm-action').click();
  await until('it is gone', async () => (await at('power-phase').innerText()).includes('no longer answers'));
  await shots('switched-off');
});

await end();
