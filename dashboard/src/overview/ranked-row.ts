/** One line of a ranking of refusals: what was counted, and how much of it. */
export interface RankedRow {
  key: string;
  label: string;
  /** Said beside the label in a quieter voice; "" = nothing. */
  aside: string;
  /** The second line, and its whole text where it does not fit. */
  under: string;
  underTitle: string;
  isShadow: boolean;
  requests: number;
  /** Ends of the 95 % interval where the figure is estimated. */
  interval: { low: number; high: number } | null;
  /** What the bar says on a closer look. */
  barTitle: string;
  /** Said under the figure; "" = nothing. */
  precision: string;
  /** The page of what is ranked; null = it has none. */
  href: string | null;
  /** Shows only this; null where there is nothing to filter by. */
  onPick: (() => void) | null;
}
