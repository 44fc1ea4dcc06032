import { expect, test } from 'vitest';
import { whereAfter } from './where';

const at = (url: string) => whereAfter({ subject: 'network', urls: ['https://10.9.0.5/', 'https://[2001:db8::5]/'] }, new URL(url));

test('who came by an address that goes away is sent to the others', () => {
  expect(at('https://10.9.0.1/')).toEqual({ elsewhere: ['https://10.9.0.5/', 'https://[2001:db8::5]/'], leaving: true });
  expect(at('https://10.9.0.5/').leaving).toBe(false);
  expect(at('https://gate.local/').leaving).toBe(false);
  expect(at('https://127.0.0.1:8443/').leaving).toBe(false);
  expect(whereAfter(null, new URL('https://10.9.0.1/')).elsewhere).toEqual([]);
});

test('another port is sought at the same host', () => {
  const moved = (urls: string[], url: string) => whereAfter({ subject: 'web-port', urls }, new URL(url));
  expect(moved(['https://10.9.0.5:8443/'], 'https://gate.local/')).toEqual({ elsewhere: ['https://gate.local:8443/'], leaving: true });
  expect(moved(['https://10.9.0.5:8443/'], 'https://gate.local:8443/')).toEqual({ elsewhere: [], leaving: false });
  expect(moved(['https://10.9.0.5/'], 'https://[2001:db8::5]:8443/')).toEqual({ elsewhere: ['https://[2001:db8::5]/'], leaving: true });
});
