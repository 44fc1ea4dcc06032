// The address bar is the one place that says which page is shown.
import { parse, type Address } from './address';

class Router {
  current = $state.raw<Address>(parse(location.pathname, location.search));

  go(address: string, how: 'push' | 'replace' = 'push'): void {
    if (how === 'push') history.pushState(null, '', address);
    else history.replaceState(null, '', address);
    this.read();
  }

  /** Lets plain links work without loading the page anew; returns what undoes it. */
  start(): () => void {
    const onPop = () => this.read();
    const onClick = (event: MouseEvent) => {
      if (event.defaultPrevented || event.button !== 0) return;
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      const link = (event.target as Element | null)?.closest('a');
      if (!link || link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return;
      if (link.pathname.startsWith('/api/')) return;
      event.preventDefault();
      this.go(link.pathname + link.search);
    };
    addEventListener('popstate', onPop);
    document.addEventListener('click', onClick);
    return () => {
      removeEventListener('popstate', onPop);
      document.removeEventListener('click', onClick);
    };
  }

  private read(): void {
    this.current = parse(location.pathname, location.search);
  }
}

export const router = new Router();
