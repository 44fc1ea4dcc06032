import { pan, toMs, zoom, type View } from './scale';

export type Surface = {
  view(): View;
  limits(): View;
  change(view: View): void;
  /** A click or tap, not a drag. */
  pick(ms: number, touch: boolean): void;
  /** Where the pointer is; undefined when it has left. */
  hover(x: number | undefined): void;
};

const dragFromPx = 5;

/** Drag to pan, wheel or pinch to zoom, click to pick: on any element, with mouse, pen or fingers. */
export function gestures(element: HTMLElement, surface: Surface): () => void {
  const pointers = new Map<number, number>();
  let startX = 0;
  let dragged = false;
  let pinched = false;

  const width = () => element.clientWidth;
  const xOf = (event: MouseEvent) => event.clientX - element.getBoundingClientRect().left;
  const at = (x: number) => toMs(surface.view(), width(), x);
  const perPx = () => (surface.view().toMs - surface.view().fromMs) / Math.max(1, width());

  function onDown(event: PointerEvent) {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, xOf(event));
    if (pointers.size === 1) {
      startX = xOf(event);
      dragged = false;
      pinched = false;
    }
  }

  function onMove(event: PointerEvent) {
    const x = xOf(event);
    const before = pointers.get(event.pointerId);
    if (before === undefined) {
      surface.hover(x);
      return;
    }
    if (pointers.size === 1) {
      if (!dragged && Math.abs(x - startX) < dragFromPx) return;
      dragged = true;
      surface.hover(undefined);
      surface.change(pan(surface.view(), (before - x) * perPx(), surface.limits()));
    } else if (pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1] ?? x;
      const factor = Math.abs(x - other) / Math.max(8, Math.abs(before - other));
      pinched = true;
      const middleMs = at((before + other) / 2);
      const zoomed = zoom(surface.view(), Math.max(0.2, factor), middleMs, surface.limits());
      const shift = ((before - x) / 2) * ((zoomed.toMs - zoomed.fromMs) / Math.max(1, width()));
      surface.change(pan(zoomed, shift, surface.limits()));
    }
    pointers.set(event.pointerId, x);
  }

  function onUp(event: PointerEvent) {
    if (!pointers.delete(event.pointerId)) return;
    if (event.type === 'pointerup' && !dragged && !pinched) surface.pick(at(xOf(event)), event.pointerType === 'touch');
  }

  function onLeave() {
    if (pointers.size === 0) surface.hover(undefined);
  }

  function onWheel(event: WheelEvent) {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const sideways = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
    if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
      surface.change(pan(surface.view(), sideways * unit * perPx(), surface.limits()));
      return;
    }
    const factor = Math.exp(-event.deltaY * unit * 0.0025);
    surface.change(zoom(surface.view(), factor, at(xOf(event)), surface.limits()));
  }

  element.addEventListener('pointerdown', onDown);
  element.addEventListener('pointermove', onMove);
  element.addEventListener('pointerup', onUp);
  element.addEventListener('pointercancel', onUp);
  element.addEventListener('pointerleave', onLeave);
  element.addEventListener('wheel', onWheel, { passive: false });
  return () => {
    element.removeEventListener('pointerdown', onDown);
    element.removeEventListener('pointermove', onMove);
    element.removeEventListener('pointerup', onUp);
    element.removeEventListener('pointercancel', onUp);
    element.removeEventListener('pointerleave', onLeave);
    element.removeEventListener('wheel', onWheel);
  };
}
