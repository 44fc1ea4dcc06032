import { panned, pinched, zoomed, type Magnified } from './magnify';

type Options = {
  get: () => Magnified;
  set: (magnified: Magnified) => void;
  /** Whether the wheel magnifies; else it scrolls the page, unless Ctrl is held. */
  wheel: () => boolean;
};

/** Lets wheel, mouse and fingers magnify what an element shows and move it about; returns what ends that. */
export function magnifiable(element: HTMLElement, { get, set, wheel }: Options): () => void {
  const pointers = new Map<number, { x: number; y: number }>();

  const shareOf = (event: MouseEvent) => {
    const box = element.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  };
  const onTools = (event: Event) => (event.target as Element).closest('button, a, select') !== null;

  const onWheel = (event: WheelEvent) => {
    if (!wheel() && !event.ctrlKey) return;
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY / 100 : event.deltaY / 3;
    const { x, y } = shareOf(event);
    set(zoomed(get(), Math.exp(-Math.max(-3, Math.min(3, lines)) * 0.25), x, y));
  };
  const onDown = (event: PointerEvent) => {
    if (event.button !== 0 || onTools(event)) return;
    pointers.set(event.pointerId, shareOf(event));
    // What moves the part of the picture must not move the tile.
    if (get().scale > 1 || pointers.size > 1) {
      event.stopPropagation();
      element.setPointerCapture(event.pointerId);
    }
  };
  const onMove = (event: PointerEvent) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = shareOf(event);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) set(pinched(get(), [before, other], [now, other]));
    else if (get().scale > 1) set(panned(get(), now.x - before.x, now.y - before.y));
    pointers.set(event.pointerId, now);
  };
  const onUp = (event: PointerEvent) => pointers.delete(event.pointerId);

  element.addEventListener('wheel', onWheel, { passive: false });
  element.addEventListener('pointerdown', onDown);
  element.addEventListener('pointermove', onMove);
  element.addEventListener('pointerup', onUp);
  element.addEventListener('pointercancel', onUp);
  return () => {
    element.removeEventListener('wheel', onWheel);
    element.removeEventListener('pointerdown', onDown);
    element.removeEventListener('pointermove', onMove);
    element.removeEventListener('pointerup', onUp);
    element.removeEventListener('pointercancel', onUp);
  };
}
