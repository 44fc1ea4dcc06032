export const minLength = 10;

export type Strength = { score: 0 | 1 | 2 | 3; hint: string };

const common = ['password', 'passwort', 'qwertz', 'qwerty', 'azerty', '123456', 'admin', 'vigie', 'letmein', 'welcome', 'camera'];

/**
 * A hint, not a gate (the appliance decides on length alone): how hard the password is to guess. Length counts most;
 * repeats, runs and well-known words count little.
 */
export function strength(password: string, username = ''): Strength {
  const length = [...password].length;
  if (length === 0) return { score: 0, hint: `At least ${minLength} characters; a few unrelated words are easy to keep in mind.` };
  if (length < minLength) {
    const missing = minLength - length;
    return { score: 0, hint: `${missing} more character${missing === 1 ? '' : 's'} needed.` };
  }
  const lower = password.toLowerCase();
  const words = username.length >= 3 ? [...common, username.toLowerCase()] : common;
  let worth = effectiveLength(password);
  for (const word of words) if (lower.includes(word)) worth -= word.length - 1;
  const classes = [/\p{Ll}/u, /\p{Lu}/u, /\p{N}/u, /[^\p{L}\p{N}]/u].filter((kind) => kind.test(password)).length;
  worth += (classes - 1) * 1.5;
  if (worth < 10) return { score: 1, hint: 'Easy to guess: avoid repeats, runs and well-known words.' };
  if (worth < 16) return { score: 2, hint: 'Fair. Longer is stronger.' };
  return { score: 3, hint: 'Strong.' };
}

/** Characters that do not follow from the one before (a repeat, or its neighbour as in abc and 321). */
function effectiveLength(password: string): number {
  let count = 0;
  let previous: number | undefined;
  for (const character of password) {
    const code = character.codePointAt(0) ?? 0;
    if (previous === undefined || Math.abs(code - previous) > 1) count += 1;
    else count += 0.3;
    previous = code;
  }
  return count;
}
