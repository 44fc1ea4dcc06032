// The page Access. The browser sits in the office; the machine is at the address that network.mjs left it with. Argument of
// the script (see stage.mjs):
//
//   moved, username, password
//   key                  file of a key for SSH
//   shots, node
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { at, context, end, given, login, must, page, shots, step, until } from './stage.mjs';

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
  await at('trial-keep').click();
  await until('a warning that it would be lost', async () => (await at('trial').innerText()).includes('No new connection'));
  await shots('firewall-trial-lost');
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

/** Whether somebody listens at a port of the machine. */
const listens = (port) =>
  new Promise((resolve) => {
    const socket = net.connect({ host: new URL(given.moved).hostname, port, timeout: 1500 });
    const tell = (answer) => () => (socket.destroy(), resolve(answer));
    socket.on('connect', tell(true)).on('error', tell(false)).on('timeout', tell(false));
  });

/** OpenSSH's client, as a technician has it. */
const ssh = (...args) =>
  new Promise((resolve) => {
    const known = `${given.key}.known`;
    const options = ['-F', 'none', '-i', given.key, '-o', `UserKnownHostsFile=${known}`, '-o', 'StrictHostKeyChecking=accept-new', '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=5'];
    execFile('ssh', [...options, `${given.username}@${new URL(given.moved).hostname}`, ...args], (error, out, err) => resolve({ code: error?.code ?? 0, out, err }));
  });

await step('SSH is switched on for who has a key', async () => {
  must(!(await listens(22)), 'it listens though nobody switched it on');
  await at('ssh-edit').click();
  await at('ssh-dialog').getByText('Let administrators log in').click();
  await at('ssh-save').click();
  await until('a refusal, as nobody could log in', async () => (await at('ssh-dialog').innerText()).includes('Nobody could log in'));
  await page.keyboard.press('Escape');
  await at('ssh-key-add').click();
  await at('ssh-key-text').fill(await readFile(given.key, 'utf8'));
  await at('ssh-key-save').click();
  await until('a refusal of the private key', async () => /private/i.test(await at('ssh-key-dialog').innerText()));
  await shots('ssh-key-refused');
  await at('ssh-key-text').fill(await readFile(`${given.key}.pub`, 'utf8'));
  await at('ssh-key-save').click();
  await until('the key', async () => (await at('ssh-key').allInnerTexts()).some((text) => text.includes('jane@office')));
  await at('ssh-edit').click();
  await at('ssh-dialog').getByText('Let administrators log in').click();
  await shots('ssh-dialog');
  await at('ssh-save').click();
  await until('SSH to listen', async () => (await at('ssh-status').innerText()) === 'listens');
});

await step('a technician logs in by SSH', async () => {
  const answer = await ssh('interfaces');
  must(answer.code === 0 && answer.out.includes('lan1'), JSON.stringify(answer));
  const print = await new Promise((resolve) => execFile('ssh-keygen', ['-lf', `${given.key}.known`], (error, out) => resolve(error ? String(error) : out)));
  must(print.includes((await at('ssh-host-key').innerText()).trim().split('\n')[0]), `the machine's key is ${print}`);
  await until('the log-in on the page', async () => (await at('login').allInnerTexts()).some((text) => text.includes('SSH, by key jane@office') && text.includes('10.9.0.2')));
  await at('logins-which').selectOption('in');
  must((await page.locator('[data-testid=login]:not([data-result=ok])').count()) === 0, 'who did not come in is among those who did');
  must((await at('login').allInnerTexts()).some((text) => text.includes('Web admin, by password')), 'the log-in to the web admin is not in the list');
  await shots('ssh');
});

// The machine that permits one has an init, which starts what is behind it: the whole machine's tests show that. Here it is made up.
await step('a full shell is permitted, seen, and ended', async () => {
  await at('ssh-shell-15').click();
  await at('confirm-action').click();
  await until('a refusal, as there is no init', async () => (await at('confirm').innerText()).includes('not booted from its own image'));
  await page.keyboard.press('Escape');
  let shell;
  await context.route(/\/api\/v1\/ssh\/shell$/, async (route) => {
    const now = Date.now();
    shell = route.request().method() === 'PUT' ? { leftMs: 3_600_000, untilMs: now + 3_600_000, sinceMs: now, by: given.username } : undefined;
    await route.fulfill({ status: 204 });
  });
  await context.route(/\/api\/v1\/ssh$/, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...(await answer.json()), shell } });
  });
  await at('ssh-shell-60').click();
  await shots('ssh-shell-confirm');
  await at('confirm-action').click();
  await until('until when it is permitted', async () => /^until \d\d:\d\d$/.test(await at('ssh-shell-until').innerText()));
  must((await at('ssh-shell').innerText()).includes(`Permitted by ${given.username}`), 'who permitted it is not told');
  await shots('ssh-shell');
  await at('ssh-shell-end').click();
  await until('its end', async () => (await at('ssh-shell').getAttribute('data-permitted')) === 'false');
  await context.unroute(/\/api\/v1\/ssh\/shell$/);
  await context.unroute(/\/api\/v1\/ssh$/);
});

await step('SSH is switched off', async () => {
  await at('ssh-edit').click();
  await at('ssh-dialog').getByText('Let administrators log in').click();
  await at('ssh-save').click();
  await until('SSH to be off', async () => (await at('ssh-status').innerText()) === 'off');
  await until('nobody to listen', async () => !(await listens(22)));
  must((await ssh('interfaces')).code === 255, 'somebody logs in still');
});

async function move(port) {
  await at('web-port-edit').click();
  await at('web-port').fill(String(port));
  await at('web-port-save').click();
}

await step('a port that the web admin cannot have is refused', async () => {
  await move(2049);
  await until('a refusal', async () => (await at('web-port-dialog').innerText()).includes('Browsers open no pages at port 2049'));
  await shots('web-port-refused');
  await page.keyboard.press('Escape');
});

const there = Object.assign(new URL('/access', given.moved), { port: 8443 }).href;

await step('the web admin moves to another port, and back as nobody says that it is found there', async () => {
  await move(8443);
  await until('a warning', async () => (await page.locator('[data-testid=plan-step][data-kind=danger]').allInnerTexts()).some((text) => text.includes('from port 443 to port 8443')));
  await shots('web-port-plan');
  await at('plan-apply').click();
  await until('a link to it', async () => (await at('trial').innerText()).includes(new URL(there).host));
  await shots('web-port-trial');
  await until('it to listen there alone', async () => (await listens(8443)) && !(await listens(443)));
  await at('trial-keep').click(); // over the connection that stands, to the old port
  await until('a refusal', async () => (await at('trial').innerText()).includes('by its new port'));
  await at('trial-back').click();
  await until('it to listen at the old port alone', async () => (await listens(443)) && !(await listens(8443)));
});

await step('the web admin stays at the port at which it is confirmed', async () => {
  await move(8443);
  await at('plan-apply').click();
  await until('the page there', () => page.goto(there).then(() => true, () => false));
  await at('trial-keep').click();
  await until('the end of the trial', async () => (await at('trial').count()) === 0);
  await until('the port on the page', async () => (await service('web').innerText()).includes('TCP 8443'));
  must(!(await listens(443)), 'it is at the old port too');
});

await end();
