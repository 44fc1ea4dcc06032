import { expect, it } from 'vitest';
import { parse } from './address';

it('splits page, parts and query', () => {
  const address = parse('/recordings/k3f9x2ab/', '?at=5');
  expect(address.page).toBe('recordings');
  expect(address.parts).toEqual(['k3f9x2ab']);
  expect(address.query.get('at')).toBe('5');
});

it('keeps a malformed escape as typed', () => expect(parse('/a/%zz', '').parts).toEqual(['%zz']));
it('has no page at the root', () => expect(parse('/', '').page).toBe(''));
