/** What an address says: `/recordings/k3f9x2ab?at=…` is the page `recordings` with one part. */
export type Address = { page: string; parts: string[]; query: URLSearchParams };

export function parse(path: string, search: string): Address {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decode);
  return { page: parts[0] ?? '', parts: parts.slice(1), query: new URLSearchParams(search) };
}

/** A malformed escape in a typed address stays as typed instead of breaking the app. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
