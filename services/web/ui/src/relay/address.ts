// Addresses of streams as the relay serves them.

/** The address of a camera's stream: live, or its recordings. */
export function relayAddress(host: string, port: number, secure: boolean, camera: string, stream: string, kind: 'live' | 'recordings' = 'live'): string {
  const usual = secure ? 322 : 554;
  return `${secure ? 'rtsps' : 'rtsp'}://${host}${port === usual ? '' : `:${port}`}/${kind}/${camera}/${stream}`;
}

/** A fingerprint in pairs, as other programs show it. */
export function fingerprint(hex: string): string {
  return hex.toUpperCase().replace(/(..)(?=.)/g, '$1:');
}
