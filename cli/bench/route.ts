import { readFileSync } from "node:fs";
import { type RouteSet, routeSet } from "./fixtures/routes.ts";
import { coreFile } from "./measure/bundle.ts";
import { atMost, type Benchmark, type Goal, type Result, type Row, type RunOptions, spreadOf } from "./measure/result.ts";
import { pairedRatio, pairedRounds } from "./measure/rounds.ts";
import { coreMatcher, honoMatchers, type RouteMatcher } from "./peers/route-matcher.ts";

export const route: Benchmark = { name: "route", run };

async function run({ quick }: RunOptions): Promise<Result> {
  const module = await WebAssembly.compile(readFileSync(coreFile));
  const rows: Row[] = [];
  const goals: Goal[] = [];
  for (const [operations, mix] of [
    [10, "literal"],
    [10, "mixed"],
    [1000, "literal"],
    [1000, "mixed"],
  ] as const) {
    const set = routeSet(operations, mix);
    const matchers = [await coreMatcher(module, set), ...honoMatchers(set)];
    const matches = quick ? 50_000 : 500_000;
    const contenders = Object.fromEntries(matchers.map((one) => [one.name, () => nsPerMatch(one, matches)]));
    const ns = await pairedRounds(quick ? 3 : 11, contenders);
    const core = ns.core ?? [];
    rows.push(...matchers.map(({ name }) => rowOf(set, name, ns[name] ?? [], core)));
    goals.push(atMost(`${set.name}: core, ns a segment`, spreadOf(core).median / set.segmentsPerPath, 20));
  }
  return {
    name: "route",
    title: "service and operation of a path, in Node",
    rows,
    goals,
    notes: [
      "1,024 paths in random order, each of an operation that exists; five operations a resource under /api/v1.",
      "core: route_match alone, one call across the boundary each: copying the path into its memory and normalizing it are measured in a",
      "loop of their own and taken off, as is hono's empty loop. hono's routers also hand over parameters, and do not normalize;",
      "RegExpRouter looks a path without parameters up in a map, whole, and tries the others in one expression.",
    ],
  };
}

function rowOf(set: RouteSet, name: string, ns: readonly number[], core: readonly number[]): Row {
  const perSegment = ns.map((value) => value / set.segmentsPerPath);
  return {
    name: `${set.name}: ${name}`,
    measures: { "ns/match": spreadOf(ns), "ns/segment": spreadOf(perSegment), "× core": pairedRatio(ns, core) },
  };
}

function nsPerMatch(matcher: RouteMatcher, n: number): number {
  return (timed(matcher, "run", n) - timed(matcher, "idle", n)) * (1e6 / n);
}

/** ms of n paths, all of which must have been found. */
function timed(matcher: RouteMatcher, loop: "run" | "idle", n: number): number {
  const startedMs = performance.now();
  const found = matcher[loop](n);
  const elapsedMs = performance.now() - startedMs;
  if (found !== n) throw new Error(`${matcher.name} found ${found} of ${n} paths`);
  return elapsedMs;
}
