/** What an RTSP address as typed or pasted comes apart into. */
export type Parts = { url: string; username: string; password: string };

/**
 * Takes user and password out of `rtsp://user:password@host/…`, the form that camera manuals print. Null when the
 * address holds none. Splits by hand: an `@` or `#` in a password, unescaped as cameras take them, is beyond URL.
 */
export function splitCredentials(address: string): Parts | null {
  const match = /^(rtsps?:\/\/)([^/]*)@([^@]*)$/i.exec(address.trim());
  if (!match) return null;
  const [, scheme = '', credentials = '', rest = ''] = match;
  const colon = credentials.indexOf(':');
  const username = colon < 0 ? credentials : credentials.slice(0, colon);
  const password = colon < 0 ? '' : credentials.slice(colon + 1);
  return { url: scheme + rest, username: unescape(username), password: unescape(password) };
}

function unescape(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What is wrong with an address before it is sent; empty when nothing is seen. The appliance has the last word. */
export function addressProblem(address: string): string {
  const text = address.trim();
  if (text === '') return 'Type the address of the stream, such as rtsp://192.168.1.20:554/stream1.';
  if (!/^rtsps?:\/\//i.test(text)) return 'The address must begin with rtsp://.';
  if (/\s/.test(text)) return 'The address must not contain spaces.';
  if (/^rtsps?:\/\/(\/|:|$)/i.test(text)) return 'The host is missing: rtsp://HOST/…';
  return '';
}
