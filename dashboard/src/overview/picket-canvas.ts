import type { Step } from "../api-types.ts";

/** Resolved colours: a canvas does not understand custom properties. */
export interface Palette {
  allow: string;
  refuse: string;
  shadow: string;
  gap: string;
  mark: string;
}

/** What stands at one place: pixel heights of its parts from the ground up, or a gap where the region did not report. */
export interface Stake {
  allowPx: number;
  shadowPx: number;
  refusePx: number;
}

const LEAST_PX = 1.5;

/** Heights of one step on a scale where `most` requests reach `heightPx`; what happened at all is at least visible. */
export function stakeOf(step: Step, most: number, heightPx: number): Stake {
  const full = step.requests === 0 ? 1 : Math.max(LEAST_PX, (step.requests / most) * heightPx);
  const part = (count: number) => (count === 0 || step.requests === 0 ? 0 : Math.max(LEAST_PX, (count / step.requests) * full));
  const refusePx = Math.min(full, part(step.refused));
  const shadowPx = Math.min(full - refusePx, part(step.shadow));
  return { allowPx: full - refusePx - shadowPx, shadowPx, refusePx };
}

export interface Drawing {
  widthPx: number;
  heightPx: number;
  dpr: number;
  stakes: readonly (Stake | null)[];
  /** How far the line still has to slide to the left, in pitches. */
  slide: number;
  /** Newest steps may simply not have been reported yet: no gap is claimed for them. */
  pending: number;
  marked: number | null;
}

/** Draws the picket line: thin stakes, the refused top burning, dots where nobody reported. Edges lie on device pixels. */
export function drawPicketLine(context: CanvasRenderingContext2D, drawing: Drawing, palette: Palette): void {
  const { widthPx, heightPx, dpr, stakes, slide, pending, marked } = drawing;
  const snap = (px: number) => Math.round(px * dpr) / dpr;
  const pitch = widthPx / Math.max(1, stakes.length);
  const thick = Math.max(1 / dpr, snap(Math.min(4, pitch * 0.6)));
  context.setTransform(dpr, 0, 0, dpr, 0, 0);
  context.clearRect(0, 0, widthPx, heightPx);
  const rect = (colour: string, x: number, bottom: number, height: number) => {
    context.fillStyle = colour;
    context.fillRect(x, snap(heightPx - bottom - height), thick, snap(heightPx - bottom) - snap(heightPx - bottom - height));
  };
  stakes.forEach((stake, index) => {
    const x = snap((index + slide) * pitch + (pitch - thick) / 2);
    if (index === marked) {
      context.fillStyle = palette.mark;
      context.fillRect(snap((index + slide) * pitch), 0, Math.max(1, snap(pitch)), heightPx);
    }
    if (!stake) {
      if (index < stakes.length - pending) rect(palette.gap, x, 0, 1);
      return;
    }
    rect(palette.allow, x, 0, stake.allowPx);
    if (stake.shadowPx > 0) rect(palette.shadow, x, stake.allowPx, stake.shadowPx);
    if (stake.refusePx > 0) rect(palette.refuse, x, stake.allowPx + stake.shadowPx, stake.refusePx);
  });
}
