import { type Spread, spreadOf } from "./result.ts";

/** A contender's figures for each round; index = round, so those with one index were taken right after each other. */
export type Rounds<Name extends string, Figure = number> = Record<Name, Figure[]>;

/**
 * Runs every contender once a round, the first one of a round moving on by one each time, so that what drifts (clock
 * rates, neighbours, heat) meets all of them alike. A round before the first warms up and is thrown away.
 */
export async function pairedRounds<Name extends string, Figure>(
  rounds: number,
  contenders: Record<Name, () => Figure | Promise<Figure>>,
): Promise<Rounds<Name, Figure>> {
  const names = Object.keys(contenders) as Name[];
  const figures = Object.fromEntries(names.map((name) => [name, []])) as unknown as Rounds<Name, Figure>;
  for (const name of names) await contenders[name]();
  for (let round = 0; round < rounds; round++) {
    const turn = round % names.length;
    for (const name of [...names.slice(turn), ...names.slice(0, turn)]) figures[name].push(await contenders[name]());
  }
  return figures;
}

/** The ratio of two contenders within each round, then the middle of those. */
export function pairedRatio(numerator: readonly number[], denominator: readonly number[]): Spread {
  return spreadOf(numerator.map((value, round) => value / (denominator[round] ?? Number.NaN)));
}
