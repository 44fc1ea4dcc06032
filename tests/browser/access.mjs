// The page Access. The browser sits in the office; the machine is at the address that network.mjs left it with. Argument of
// the script (see stage.mjs):
//
//   moved, username, password
//   shots, node
import { at, end, given, login, must, page, shots, step, until } from './stage.mjs';

const service = (id) => page.locator(`[data-testid=firewall-service][data-service=${id}]`);
const bandwidth = (name) => page.locator(`[data-testid=bandwidth-interface][data-interface^="${name}"]`);

/** Where a service is open, as the appliance has it. The page asks, over the connection that it has. */
async function open(id) {
  const firewall = await page.evaluate(async () => (await fetch('/api/v1/firewall')).json());
  return String(firewall.services.find((one) => one.id === id).zones);
}

async function change(boxes) {
  await at('firewall-edit').click();
  await at('firewall-dialog').waitFor();
  for (const [id, on] of Object.entries(boxes)) await at(`open-${id}`).setChecked(on);
}

await step('what is open where, and what listens', async () => {
  await login(given.username, given.password, given.moved);
  await page.goto(new URL('/access', given.moved).href);
  await until('the web admin listens', async () => (await service('web').innerText()).includes('listens'));
  must((await page.locator('[data-testid=firewall-zone][data-zone=office]').innerText()).includes('lan1'), 'lan1 is not in the office');
  await shots('access');
});

await step('a firewall that locks out is told, tried, and gone back from', async () => {
  await change({ 'web-office': false });
  must(await at('firewall-save').isDisabled(), 'the web admin may be shut everywhere');
  await at('open-web-cameras').check();
  await shots('firewall-dialog');
  await at('firewall-save').click();
  await until('a warning', async () => (await page.locator('[data-testid=plan-step][data-kind=danger]').allInnerTexts()).some((text) => text.includes('locked out')));
  await shots('firewall-plan');
  await at('plan-apply').click();
  await at('trial').waitFor();
  must((await at('trial').getAttribute('data-subject')) === 'firewall', 'something else is on trial');
  must((await open('web')) === 'cameras', 'it is not in force');
  await shots('firewall-trial');
  const anew = await page.request.get(given.moved, { timeout: 1500 }).then(() => true, () => false);
  must(!anew, 'a new connection gets in');
  await at('trial-back').click(); // over the connection that stands
  await until('the firewall from before', async () => (await open('web')) === 'office');
});

await step('what does not lock out is kept over a new connection', async () => {
  await change({ 'relay-cameras': true });
  await at('firewall-save').click();
  await at('plan-apply').click();
  await at('trial').waitFor();
  const refusals = [];
  page.on('response', (answer) => answer.url().endsWith('/confirm') && refusals.push(answer.status()));
  await at('trial-keep').click();
  await until('the end of the trial', async () => (await at('trial').count()) === 0);
  must(refusals.at(-1) === 204 && refusals.slice(0, -1).every((status) => status === 409), `the answers were ${refusals}`);
  must((await open('relay')) === 'office,cameras', `the relay is open in ${await open('relay')}`);
});

await step('what a card sends is limited', async () => {
  await bandwidth('lan1').getByTestId('bandwidth-edit').click();
  await at('bandwidth-all').fill('fast');
  await at('bandwidth-save').click();
  await until('a refusal', async () => (await at('bandwidth-dialog').innerText()).includes('Give a number'));
  await at('bandwidth-all').fill('20');
  await at('bandwidth-router').fill('5');
  await shots('bandwidth-dialog');
  await at('bandwidth-save').click();
  await until('the limit', async () => /of 20(\.0)? Mbit\/s/.test(await bandwidth('lan1').innerText()));
  await shots('bandwidth');
});

await end();
