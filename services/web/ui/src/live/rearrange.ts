/** A tile that is being carried, and where the pointer is, in pixels of the window. */
export type Carried = { key: string; x: number; y: number; dx: number; dy: number };

type Options = {
  enabled: () => boolean;
  /** Called while a tile is carried, and with undefined once it is not any more. */
  carry: (carried: Carried | undefined) => void;
  drop: (key: string, x: number, y: number) => void;
};

const startPx = 8;
const holdMs = 400;

/**
 * Lets tiles (elements with data-tile) within an element be dragged: with the mouse at once, with a finger after it has
 * rested for a moment, since a finger that moves at once scrolls. Returns what ends that.
 */
export function rearrangeable(element: HTMLElement, { enabled, carry, drop }: Options): () => void {
  let pressed: { id: number; key: string; x: number; y: number; touch: boolean } | undefined;
  let carrying = false;
  let hold: ReturnType<typeof setTimeout> | undefined;

  const begin = () => {
    if (!pressed) return;
    carrying = true;
    element.setPointerCapture(pressed.id);
    carry({ key: pressed.key, x: pressed.x, y: pressed.y, dx: 0, dy: 0 });
  };
  const finish = () => {
    clearTimeout(hold);
    pressed = undefined;
    if (!carrying) return;
    carrying = false;
    carry(undefined);
  };
  const onDown = (event: PointerEvent) => {
    const target = event.target as Element;
    const key = target.closest<HTMLElement>('[data-tile]')?.dataset.tile;
    if (pressed || !event.isPrimary || event.button !== 0 || !key || !enabled() || target.closest('button, a, select')) {
      finish(); // a second finger: something else is meant
      return;
    }
    pressed = { id: event.pointerId, key, x: event.clientX, y: event.clientY, touch: event.pointerType === 'touch' };
    if (pressed.touch) hold = setTimeout(begin, holdMs);
  };
  const onMove = (event: PointerEvent) => {
    if (!pressed || event.pointerId !== pressed.id) return;
    const [dx, dy] = [event.clientX - pressed.x, event.clientY - pressed.y];
    if (carrying) carry({ key: pressed.key, x: event.clientX, y: event.clientY, dx, dy });
    else if (Math.hypot(dx, dy) > startPx) {
      if (pressed.touch) finish();
      else begin();
    }
  };
  const onUp = (event: PointerEvent) => {
    if (!pressed || event.pointerId !== pressed.id) return;
    const { key } = pressed;
    const dropped = carrying;
    finish();
    if (dropped) drop(key, event.clientX, event.clientY);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || !carrying) return;
    finish();
    event.stopPropagation();
  };
  // The browser must not begin to scroll with the finger that carries.
  const onTouch = (event: TouchEvent) => {
    if (carrying) event.preventDefault();
  };

  element.addEventListener('pointerdown', onDown);
  element.addEventListener('pointermove', onMove);
  element.addEventListener('pointerup', onUp);
  element.addEventListener('pointercancel', finish);
  element.addEventListener('touchmove', onTouch, { passive: false });
  addEventListener('keydown', onKey, true);
  return () => {
    finish();
    element.removeEventListener('pointerdown', onDown);
    element.removeEventListener('pointermove', onMove);
    element.removeEventListener('pointerup', onUp);
    element.removeEventListener('pointercancel', finish);
    element.removeEventListener('touchmove', onTouch);
    removeEventListener('keydown', onKey, true);
  };
}
