import { type LimitWindow, windowsOf } from "./limit-terms.ts";
import type { PlannedOperation } from "./plan.ts";
import type { Limit, Policy, Service } from "./schema.ts";

/** A limit as the image holds it: each window by itself, once for each way in which its parameters lie in the paths of operations. */
export interface PlannedLimit {
  limit: Limit;
  /** Position among the limit's windows. */
  index: number;
  window: LimitWindow;
  /** Segment of each path parameter that it counts by; without an entry: the operation has no such parameter. */
  segments: ReadonlyMap<string, number>;
}

export interface LimitPlan {
  limits: PlannedLimit[];
  /** For each operation the indices of its limits: its service's, then its own. */
  ofOperation: number[][];
}

export function planLimits(policy: Policy, services: readonly Service[], operations: readonly PlannedOperation[]): LimitPlan {
  const limits: PlannedLimit[] = [];
  const known = new Map<string, number[]>();
  const indicesOf = (limit: Limit, operation: PlannedOperation): number[] => {
    const segments = segmentsOf(limit, operation);
    const key = [limit.name, ...segments.entries()].join("\0");
    const indices =
      known.get(key) ?? windowsOf(limit).map((window, index) => limits.push({ limit, index, window, segments }) - 1);
    known.set(key, indices);
    return indices;
  };
  // In the policy's order first, whether or not an operation is held to them.
  for (const limit of policy.limits) indicesOf(limit, { service: -1, operation: null });
  const named = new Map(policy.limits.map((limit) => [limit.name, limit]));
  const ofOperation = operations.map((operation) => {
    const names = [...(services[operation.service]?.limits ?? []), ...(operation.operation?.limits ?? [])];
    return names.flatMap((name) => {
      const limit = named.get(name);
      return limit === undefined ? [] : indicesOf(limit, operation);
    });
  });
  return { limits, ofOperation };
}

function segmentsOf({ by }: Limit, { operation }: PlannedOperation): Map<string, number> {
  const segments = operation?.path.segments ?? [];
  return new Map(
    by.flatMap((part) => {
      if (part.kind !== "parameter") return [];
      const index = segments.findIndex((segment) => segment.kind === "parameter" && segment.name === part.parameter);
      return index < 0 ? [] : [[part.parameter, index] as const];
    }),
  );
}
