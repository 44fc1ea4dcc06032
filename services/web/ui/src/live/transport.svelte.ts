import { wishes, type Wish } from './feed';

const key = 'vigie.transport';

/** How live pictures are to come to this browser. */
class Transport {
  wish = $state<Wish>(wishes.find((one) => one === localStorage.getItem(key)) ?? 'auto');

  choose(wish: Wish): void {
    this.wish = wish;
    localStorage.setItem(key, wish);
  }
}

export const transport = new Transport();
