import type { Gap, Protection, Trigger } from '../api/model';
import { dayLabel, hourMinute } from '../ui/format';
import { midnights, zoneIfTwice } from './days';
import type { Stretch } from './footage';
import { toX, type View } from './scale';
import { ticks } from './ticks';

const colourNames = ['surface', 'surface-2', 'surface-3', 'line', 'line-strong', 'text', 'text-2', 'text-3', 'accent', 'bad', 'standard', 'alarm', 'forced', 'protected', 'gap'] as const;
export type Colours = Record<(typeof colourNames)[number], string>;

/** The design's colours as a canvas understands them; `probe` is any element of the page. */
export function coloursOf(probe: HTMLElement): Colours {
  const found = {} as Colours;
  for (const name of colourNames) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  return found;
}

/** A further camera, below the first. */
export type Lane = { name: string; stretches: Stretch[]; gaps: readonly Gap[] };

/** How high each of the lanes is: many of them leave the pictures above their room. */
export const laneHeight = (lanes: number): number => (lanes > 5 ? 13 : 24);

export type Scene = {
  lanes: Lane[];
  view: View;
  width: number;
  height: number;
  stretches: Stretch[];
  gaps: readonly Gap[];
  protections: readonly Protection[];
  triggers: readonly Trigger[];
  nowMs: number;
  positionMs: number | undefined;
  hoverMs: number | undefined;
  colours: Colours;
};

export const rulerPx = 26;
const bandInset = 8;
const protectedPx = 5;
const triggerPx = 4;

/** Draws the whole timeline, in CSS pixels; the caller has scaled the context to the device's. */
export function draw(context: CanvasRenderingContext2D, scene: Scene): void {
  const { width, colours } = scene;
  context.clearRect(0, 0, width, scene.height);
  const lanePx = laneHeight(scene.lanes.length);
  const height = scene.height - scene.lanes.length * lanePx;
  const top = rulerPx;
  const bandTop = top + bandInset;
  const bandHeight = height - bandTop - bandInset;
  context.fillStyle = colours['surface-2'];
  context.fillRect(0, top, width, scene.height - top);
  drawFuture(context, scene, top);
  drawRuler(context, scene);
  drawGaps(context, scene, bandTop, bandHeight);
  drawStretches(context, scene, bandTop, bandHeight);
  drawProtections(context, scene, top, bandTop + bandHeight);
  drawTriggers(context, scene, bandTop + bandHeight);
  scene.lanes.forEach((lane, index) => drawLane(context, scene, lane, height + index * lanePx, lanePx));
  drawNow(context, scene, top);
  drawHover(context, scene, top);
  drawPosition(context, scene);
}

function drawLane(context: CanvasRenderingContext2D, scene: Scene, lane: Lane, top: number, lanePx: number): void {
  const inset = lanePx > 20 ? 4 : 2;
  context.fillStyle = scene.colours.surface;
  context.fillRect(0, top, scene.width, 1);
  drawGaps(context, { ...scene, gaps: lane.gaps }, top + inset, lanePx - 2 * inset);
  drawStretches(context, { ...scene, stretches: lane.stretches }, top + inset, lanePx - 2 * inset);
  context.font = `500 ${lanePx > 20 ? 11 : 9}px Inter, system-ui, sans-serif`;
  context.textBaseline = 'middle';
  context.fillStyle = scene.colours.surface;
  context.fillRect(4, top + inset + 1, context.measureText(lane.name).width + 8, lanePx - 2 * inset - 2);
  context.fillStyle = scene.colours.text;
  context.fillText(lane.name, 8, top + lanePx / 2);
}

/** What has not happened yet is not the same as what was not recorded. */
function drawFuture(context: CanvasRenderingContext2D, scene: Scene, top: number): void {
  const x = Math.max(0, toX(scene.view, scene.width, scene.nowMs));
  if (x >= scene.width) return;
  context.fillStyle = scene.colours.surface;
  context.fillRect(x, top, scene.width - x, scene.height - top);
}

function drawRuler(context: CanvasRenderingContext2D, { view, width, height, colours }: Scene): void {
  context.font = `500 11px Inter, system-ui, sans-serif`;
  context.textBaseline = 'middle';
  const marks = ticks(view, width, 64);
  for (const tick of marks) {
    const x = crisp(tick.x);
    context.fillStyle = colours['line-strong'];
    context.fillRect(x, tick.major ? rulerPx - 6 : rulerPx - 3, 1, tick.major ? 6 : 3);
    if (!tick.major) continue;
    context.fillStyle = colours.line;
    context.fillRect(x, rulerPx, 1, height - rulerPx);
    const label = tick.day ? dayLabel(tick.ms) : labelOf(tick.ms, tick.seconds);
    const half = context.measureText(label).width / 2;
    context.fillStyle = colours['text-3'];
    context.fillText(label, Math.min(width - 2 * half - 2, Math.max(2, tick.x - half)), 11);
  }
  context.fillStyle = colours['text-3'];
  if (marks[0]?.day) return;
  for (const midnight of midnights(view.fromMs, view.toMs)) {
    context.fillRect(crisp(toX(view, width, midnight)), rulerPx - 8, 1, height);
  }
}

function labelOf(ms: number, seconds: boolean): string {
  const zone = zoneIfTwice(ms);
  const clock = seconds ? `${hourMinute(ms)}:${String(new Date(ms).getSeconds()).padStart(2, '0')}` : hourMinute(ms);
  return zone === '' ? clock : `${clock} ${zone}`;
}

function drawStretches(context: CanvasRenderingContext2D, scene: Scene, top: number, height: number): void {
  for (const stretch of scene.stretches) {
    const [x, right] = extent(scene, stretch.startMs, stretch.endMs);
    if (right < 0 || x > scene.width) continue;
    const alarm = stretch.kind === 'alarm';
    context.fillStyle = alarm ? scene.colours.alarm : scene.colours.standard;
    // An alarm stands over the standard recording without hiding it.
    context.fillRect(x, alarm ? top + height * 0.55 : top, right - x, alarm ? height * 0.45 : height);
  }
}

/** A protected range is framed: a bar above what is recorded, and its two ends. */
function drawProtections(context: CanvasRenderingContext2D, scene: Scene, top: number, bottom: number): void {
  context.fillStyle = scene.colours.protected;
  for (const one of scene.protections) {
    const [x, right] = extent(scene, one.fromMs, one.toMs);
    if (right < 0 || x > scene.width) continue;
    context.fillRect(x, top + 1, right - x, protectedPx);
    context.fillRect(x, top + 1, 1.5, bottom - top - 1);
    context.fillRect(right - 1.5, top + 1, 1.5, bottom - top - 1);
  }
}

/** A trigger is a mark below what it had recorded, as long as its condition held. */
function drawTriggers(context: CanvasRenderingContext2D, scene: Scene, top: number): void {
  for (const trigger of scene.triggers) {
    const [x, right] = extent(scene, trigger.atMs, trigger.endMs);
    if (right < -triggerPx || x > scene.width + triggerPx) continue;
    context.fillStyle = trigger.source === 'forced' ? scene.colours.forced : scene.colours.alarm;
    context.fillRect(x, top + 3, right - x, 4);
    context.beginPath();
    context.moveTo(x, top + 1);
    context.lineTo(x + triggerPx, top + 7);
    context.lineTo(x - triggerPx, top + 7);
    context.closePath();
    context.fill();
  }
}

function drawGaps(context: CanvasRenderingContext2D, scene: Scene, top: number, height: number): void {
  context.strokeStyle = scene.colours.gap;
  context.lineWidth = 1.5;
  for (const gap of scene.gaps) {
    const [x, right] = extent(scene, gap.startMs, Math.min(gap.endMs, scene.nowMs));
    if (right < 0 || x > scene.width) continue;
    const from = Math.max(-height, x);
    const to = Math.min(scene.width + height, right);
    context.save();
    context.beginPath();
    context.rect(from, top, to - from, height);
    context.clip();
    context.beginPath();
    // Hatching is anchored to the page, not to the gap, so that it stands still while the gap grows.
    for (let at = Math.floor((from - height) / 7) * 7; at < to; at += 7) {
      context.moveTo(at, top + height);
      context.lineTo(at + height, top);
    }
    context.stroke();
    context.restore();
  }
}

function drawNow(context: CanvasRenderingContext2D, { view, width, height, nowMs, colours }: Scene, top: number): void {
  const x = toX(view, width, nowMs);
  if (x < -1 || x > width + 1) return;
  context.fillStyle = colours.bad;
  context.fillRect(crisp(x), top, 1.5, height - top);
}

function drawHover(context: CanvasRenderingContext2D, { view, width, height, hoverMs, colours }: Scene, top: number): void {
  if (hoverMs === undefined) return;
  context.fillStyle = colours['text-3'];
  context.fillRect(crisp(toX(view, width, hoverMs)), top, 1, height - top);
}

function drawPosition(context: CanvasRenderingContext2D, { view, width, height, positionMs, colours }: Scene): void {
  if (positionMs === undefined) return;
  const x = toX(view, width, positionMs);
  if (x < -6 || x > width + 6) return;
  context.fillStyle = colours.surface;
  context.fillRect(x - 2, rulerPx - 4, 4, height);
  context.fillStyle = colours.text;
  context.fillRect(x - 1, rulerPx - 4, 2, height);
  context.beginPath();
  context.moveTo(x - 6, rulerPx - 9);
  context.lineTo(x + 6, rulerPx - 9);
  context.lineTo(x, rulerPx);
  context.closePath();
  context.fill();
}

/** Left and right edge in pixels; nothing that exists is narrower than a pixel. */
function extent({ view, width }: Scene, startMs: number, endMs: number): [number, number] {
  const x = toX(view, width, startMs);
  return [x, Math.max(x + 1, toX(view, width, endMs))];
}

function crisp(x: number): number {
  return Math.round(x);
}
