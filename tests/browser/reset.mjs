// The administrator's password is set anew with a code that somebody at the console had made. Argument of the script (see
// stage.mjs):
//
//   moved, username, password
//   code                 of the reset
//   shots, node
import { at, end, given, login, must, page, shots, step, until } from './stage.mjs';

const anew = `${given.password} anew`;

await step('a wrong code and a weak password are refused, each beside its field', async () => {
  await page.goto(given.moved);
  await at('reset-form').waitFor(); // what whoever opens the page now came for
  await at('reset-code').fill('0000-0000');
  await at('new-password').fill(anew);
  await at('repeat-password').fill(`${anew}?`);
  await at('reset-submit').click();
  await until('that they differ', async () => (await at('reset-form').innerText()).includes('differ'));
  await at('repeat-password').fill(anew);
  await at('reset-submit').click();
  await until('a refusal', async () => (await at('reset-form').innerText()).includes('not the code'));
  await shots('reset');
});

await step('the code sets a new password, once', async () => {
  await at('reset-code').fill(given.code.toLowerCase().replace('-', ' '));
  await at('reset-submit').click();
  await at('nav-live').waitFor();
  await until('a notice', async () => (await page.locator('body').innerText()).includes('password'));
  await shots('reset-done');
  await page.context().clearCookies();
  await page.goto(given.moved);
  await at('login-forgotten').click();
  await at('reset-code').fill(given.code);
  await at('new-password').fill(anew);
  await at('repeat-password').fill(anew);
  await at('reset-submit').click();
  await until('a refusal', async () => (await at('reset-error').innerText()).includes('console'));
  await at('reset-back').click();
  await login(given.username, anew, given.moved);
  must((await page.getByTestId('login-form').count()) === 0, 'the new password is not taken');
});

await end();
