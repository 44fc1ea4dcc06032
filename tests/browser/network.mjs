// The page Network, of a machine with two cards that nobody has set up. Argument of the script (see stage.mjs):
//
//   url, username, password
//   code                 of the first set-up
//   moved                where the web admin is after lan1 has got another address
//   shots, node
import { ask, at, end, given, login, must, page, shots, step, until } from './stage.mjs';

const row = (name) => page.getByTestId('interface').filter({ has: page.getByRole('heading', { name, exact: true }) });
const addresses = async (name) => (await ask('/status')).interfaces.find((one) => one.name === name)?.addresses ?? [];
const address = (url) => new URL(url).hostname;

async function edit(name) {
  await row(name).getByTestId('interface-edit').click();
  await at('interface-dialog').waitFor();
}

async function move(name, to) {
  await edit(name);
  await at('net-ipv4-addresses').fill(to);
  await at('net-take').click();
  await until('the dialog to close', async () => (await at('interface-dialog').count()) === 0);
}

async function apply() {
  await at('plan-apply').click();
  await at('trial').waitFor();
}

await step('the first set-up', async () => {
  await page.goto(given.url);
  await at('setup-form').waitFor();
  await shots('setup');
  await at('setup-code').fill('0000-0000');
  await at('setup-username').fill(given.username);
  await at('new-password').fill(given.password);
  await at('repeat-password').fill(given.password);
  await at('setup-submit').click();
  await until('a refusal', async () => (await at('setup-form').innerText()).includes('not the code'));
  await at('setup-code').fill(given.code);
  await at('setup-submit').click();
  await at('nav-live').waitFor();
});

await step('interfaces are shown as they are', async () => {
  // What is set comes without what is so now: nothing may be said of a card before that is there too.
  let release;
  const held = new Promise((done) => (release = done));
  await page.route(/\/api\/v1\/status/, (route) => held.then(() => route.continue()));
  const [settings] = await Promise.all([page.waitForResponse(/\/api\/v1\/network$/), page.goto(new URL('/network', given.url).href)]);
  await settings.finished();
  await page.evaluate(() => new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted))));
  must((await page.getByTestId('interface').count()) === 0, 'cards are shown without their status');
  release();
  await page.unrouteAll({ behavior: 'wait' });
  await until('both cards', async () => (await page.getByTestId('interface').count()) === 2);
  must((await row('lan1').innerText()).includes(`${address(given.url)}/24`), await row('lan1').innerText());
  must((await row('lan2').innerText()).includes('zone cameras'), await row('lan2').innerText());
  await shots('network');
});

await step('what cannot be is refused beside the field', async () => {
  await edit('lan1');
  await at('net-ipv4-gateway').fill('172.16.0.1');
  await at('net-take').click();
  await until('a refusal', async () => (await at('interface-dialog').locator('[role=alert], .error').count()) > 0);
  await shots('refused');
  await page.keyboard.press('Escape');
  must((await at('network-draft').count()) === 0, 'a refused change is prepared');
});

await step('a bond and a VLAN are planned, and discarded', async () => {
  await at('bond-add').click();
  for (const box of await at('net-members').locator('input').all()) await box.check();
  await at('net-mode').selectOption('802.3ad');
  await at('net-lacp').selectOption('fast');
  await shots('bond');
  await at('net-take').click();
  await at('vlan-add').click();
  await at('net-name').fill('voice.7');
  await at('net-parent').selectOption('bond0');
  await at('net-tag').fill('7');
  await shots('vlan');
  await at('net-take').click();
  await at('network-review').click();
  const steps = await until('a plan', async () => (await at('plan-step').count()) > 0 && (await at('plan-step').allInnerTexts()).join('\n'));
  for (const words of ['You will lose this address', 'The bond bond0 is made of lan1 (office) and lan2, in mode 802.3ad', 'The VLAN voice.7 with tag 7 is made on bond0']) must(steps.includes(words), `the plan says ${steps}`);
  await shots('bond-plan');
  await page.keyboard.press('Escape');
  await at('network-discard').click();
  must((await page.getByTestId('interface').count()) === 2, 'something is left of it');
});

await step("another machine's address is told of", async () => {
  await move('lan2', '10.8.0.2/24'); // the browser's own
  await at('network-review').click();
  await until('a warning', async () => (await at('plan-step').allInnerTexts()).some((text) => /Another machine \([0-9a-f:]{17}\) has the address 10\.8\.0\.2 too/.test(text)));
  await shots('rival');
  await page.keyboard.press('Escape');
  await at('network-discard').click();
});

await step('another address is planned, tried, and gone back from', async () => {
  await move('lan2', '10.8.0.7/24');
  await at('network-review').click();
  await until('a plan', async () => (await at('plan-step').allInnerTexts()).some((text) => text.includes('lan2 loses 10.8.0.1/24')));
  await apply();
  await until('the address', async () => (await addresses('lan2')).includes('10.8.0.7/24'));
  await page.goto(new URL('/time', given.url).href);
  await at('trial').waitFor(); // on every page
  await at('trial-back').click();
  await until('the address from before', async () => String(await addresses('lan2')) === '10.8.0.1/24');
  await until('the end of the trial', async () => (await at('trial').count()) === 0);
});

await step('the address by which one came is changed, and kept at the new one', async () => {
  await page.goto(new URL('/network', given.url).href);
  await at('network-page').waitFor();
  await move('lan1', `${address(given.moved)}/24`);
  await at('network-review').click();
  await until('a warning', async () => (await page.locator('[data-testid=plan-step][data-kind=danger]').count()) === 1);
  await shots('plan');
  await apply();
  await until('a link to the new address', async () => (await at('trial').innerText()).includes(given.moved));
  await shots('trial');
  await until('the new address to answer', () => page.goto(given.moved).then(() => true, () => false));
  await login(given.username, given.password, given.moved);
  await at('trial').waitFor();
  await at('trial-keep').click();
  await until('the end of the trial', async () => (await at('trial').count()) === 0);
  const settings = (await (await page.request.get(new URL('/api/v1/network', given.moved).href)).json()).settings;
  must(String(settings.interfaces[0].ipv4.addresses) === `${address(given.moved)}/24`, JSON.stringify(settings));
});

await end();
