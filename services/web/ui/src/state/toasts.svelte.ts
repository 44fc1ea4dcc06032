export type Toast = { id: number; kind: 'good' | 'bad'; text: string };

const goodMs = 4500;
const badMs = 9000;

/** Short notices of results, shown in a corner. */
class Toasts {
  list = $state.raw<Toast[]>([]);
  private next = 1;

  good(text: string): void {
    this.add('good', text, goodMs);
  }

  bad(text: string): void {
    this.add('bad', text, badMs);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  private add(kind: Toast['kind'], text: string, lastsMs: number): void {
    const id = this.next++;
    this.list = [...this.list.filter((toast) => toast.text !== text), { id, kind, text }].slice(-4);
    setTimeout(() => this.dismiss(id), lastsMs);
  }
}

export const toasts = new Toasts();
