/** Codec names for people, from the `codecs` parameter of a MIME type. */
export function codecNames(mime: string): string[] {
  const list = /codecs="?([^"]*)"?/.exec(mime)?.[1] ?? '';
  return list
    .split(',')
    .map((codec) => codec.trim())
    .filter((codec) => codec !== '')
    .map(nameOf);
}

function nameOf(codec: string): string {
  const family = codec.split('.')[0]?.toLowerCase() ?? '';
  switch (family) {
    case 'avc1':
    case 'avc3':
      return 'H.264';
    case 'hvc1':
    case 'hev1':
      return 'H.265';
    case 'mp4a':
      return 'AAC';
    case 'flac':
      return 'FLAC';
    case 'opus':
      return 'Opus';
    default:
      return codec;
  }
}

/** Why this browser cannot play `mime`, as a sentence; empty when it can. */
export function unsupported(mime: string): string {
  if (typeof MediaSource === 'undefined') {
    return 'This browser cannot play streams (it has no Media Source Extensions). Use a current desktop browser.';
  }
  if (MediaSource.isTypeSupported(mime)) return '';
  const names = codecNames(mime);
  const what = names.length > 0 ? names.join(' with ') : 'this video';
  return `This browser cannot play ${what}. It is recorded all the same; use a browser that plays it, or set the camera to H.264.`;
}
