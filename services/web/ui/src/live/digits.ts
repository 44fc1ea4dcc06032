const patienceMs = 700;

/** Makes numbers of digits that are typed one after the other: what could still become a number in use is waited for. */
export class Digits {
  private typed = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly take: (number: number) => void) {}

  /** A digit of a number from 0 to `most`. */
  press(digit: number, most: number): void {
    clearTimeout(this.timer);
    const number = this.typed * 10 + digit <= most ? this.typed * 10 + digit : digit;
    if (number > 0 && number * 10 <= most) {
      this.typed = number;
      this.timer = setTimeout(() => this.finish(number), patienceMs);
    } else {
      this.finish(number);
    }
  }

  private finish(number: number): void {
    this.typed = 0;
    this.take(number);
  }
}
