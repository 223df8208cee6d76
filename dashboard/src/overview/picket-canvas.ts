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

/** Heights of one step on a scale where `most` requests reach `heightPx`. Parts keep their true proportion, however small. */
export function stakeOf(step: Step, most: number, heightPx: number): Stake {
  if (step.requests === 0) return { allowPx: 1, shadowPx: 0, refusePx: 0 };
  const full = Math.max(2, (step.requests / most) * heightPx);
  const refusePx = Math.min(1, step.refused / step.requests) * full;
  const shadowPx = Math.min(full - refusePx, (step.shadow / step.requests) * full);
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
  stakes.forEach((stake, index) => {
    const left = (index + slide) * pitch;
    const x = snap(left + (pitch - thick) / 2);
    context.globalAlpha = 1;
    if (index === marked) {
      context.fillStyle = palette.mark;
      context.fillRect(snap(left), 0, Math.max(1, snap(pitch)), heightPx);
    }
    if (!stake) {
      context.fillStyle = palette.gap;
      if (index < stakes.length - pending) context.fillRect(snap(left + pitch / 2), heightPx - 1, 1, 1);
      return;
    }
    let ground = 0;
    for (const [colour, px] of [
      [palette.allow, stake.allowPx],
      [palette.shadow, stake.shadowPx],
      [palette.refuse, stake.refusePx],
    ] as const) {
      if (px < 0.02) continue;
      // What is thinner than a device pixel is drawn one pixel high and as faint as it is thin: seen, not exaggerated.
      const [bottom, top] = [snap(ground), Math.max(snap(ground) + 1 / dpr, snap(ground + px))];
      context.globalAlpha = Math.min(1, Math.max(0.3, px * dpr));
      context.fillStyle = colour;
      context.fillRect(x, heightPx - top, thick, top - bottom);
      ground += px;
    }
  });
}
