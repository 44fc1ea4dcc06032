// Hosts that are watched. Argument of the script (see stage.mjs):
//
//   url, username, password
//   shots, node
import { at, end, given, login, must, page, problems, shot, shots, step, until } from './stage.mjs';

const host = (address) => page.locator(`[data-testid=host][data-address="${address}"]`);

async function add(address, name) {
  await at('host-add').click();
  await at('host-address').fill(address);
  await at('host-name').fill(name);
  await at('host-interval').fill('1');
  await at('host-submit').click();
}

await step('a host that answers is shown with its time', async () => {
  await login(given.username, given.password);
  await page.goto(new URL('/hosts', given.url).href);
  await at('hosts').waitFor();
  await add('127.0.0.2', 'Switch in the cellar');
  await until('an answer', async () => (await host('127.0.0.2').getAttribute('data-status')) === 'up');
  await until('its time', async () => /answers in \d+(\.\d)? ms · 0 % lost/.test(await host('127.0.0.2').innerText()));
});

await step('what is no host is refused, beside the field', async () => {
  await add('192.168.1.300', 'x');
  await until('a refusal', async () => (await at('host-dialog').innerText()).includes('192.168.1.300'));
  await shots('refused');
  await page.keyboard.press('Escape');
  await until('no dialog', async () => (await at('host-dialog').count()) === 0);
  must((await page.getByTestId('host').count()) === 1, 'it is in the list');
});

await step('one that does not answer is told, and what changed', async () => {
  await add('127.255.255.255', 'Printer'); // everybody's address, for which nobody answers
  await until('no answer', async () => (await host('127.255.255.255').getAttribute('data-status')) === 'down');
  await until('an event', async () => (await at('host-event').allInnerTexts()).some((text) => text.includes('Printer') && text.includes('No answer')));
});

await step('the last day is drawn', async () => {
  await host('127.0.0.2').getByTestId('host-history').click();
  await until('graphs', async () => (await page.locator('[data-testid=graph]').count()) === 2 && Number(await page.locator('[data-testid=graph]').first().getAttribute('data-points')) > 0);
  await shots('hosts');
});

await step('a host is changed, and given up', async () => {
  await host('127.255.255.255').getByTestId('host-edit').click();
  must((await at('host-interval').inputValue()) === '1', 'the dialog has forgotten its interval');
  await at('host-address').fill('127.0.0.3');
  await at('host-submit').click();
  await until('an answer', async () => (await host('127.0.0.3').getAttribute('data-status')) === 'up');
  await host('127.0.0.2').getByTestId('host-remove').click();
  await at('confirm-action').click();
  await until('one host', async () => (await page.getByTestId('host').count()) === 1);
});

await step('a page that cannot be shown says so, and the others can', async () => {
  await page.route('**/api/v1/hosts', (route) => route.fulfill({ json: { hosts: [null], gateways: false, events: [] } })); // no appliance answers so
  await page.reload();
  await at('page-failed').waitFor();
  await shot('page-failed');
  must(problems.splice(0).length > 0, 'nobody is told why');
  await at('nav-cameras').click();
  await at('camera-add').waitFor();
  must((await at('page-failed').count()) === 0, 'the page before is still there');
});

await end();
