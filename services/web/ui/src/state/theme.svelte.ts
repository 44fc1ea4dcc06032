export type Theme = 'system' | 'dark' | 'light';

const key = 'vigie.theme';

/** The chosen appearance; `public/theme.js` applies it before the first paint, this class from then on. */
class ThemeChoice {
  choice = $state<Theme>(read());

  set(choice: Theme): void {
    this.choice = choice;
    if (choice === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    try {
      if (choice === 'system') localStorage.removeItem(key);
      else localStorage.setItem(key, choice);
    } catch {
      // Without storage the choice lasts until the page is closed.
    }
  }
}

function read(): Theme {
  const set = document.documentElement.dataset.theme;
  return set === 'dark' || set === 'light' ? set : 'system';
}

export const theme = new ThemeChoice();
