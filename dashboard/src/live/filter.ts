import type { LiveEvent } from "../api-types.ts";
import { type FilterKey, type Filters, filterKeys } from "../view/url-state.ts";

/** "GET /orders/{id}": how an operation is named in filters and tables. Those of any method go by what they are: "(no service)". */
export function operationLabel({ method, operation }: { method: string; operation: string }): string {
  return method === "" || method === "*" || operation.startsWith("(") ? operation : `${method} ${operation}`;
}

const readers: Readonly<Record<FilterKey, (event: LiveEvent) => string>> = {
  region: (event) => event.region,
  verdict: (event) => event.verdict,
  reason: (event) => event.reason,
  operation: operationLabel,
  principal: (event) => event.principal,
};

/** Whether the event has every value that the filters ask for. */
export function matchesFilters(event: LiveEvent, filters: Filters): boolean {
  return filterKeys.every((key) => filters[key] === undefined || readers[key](event) === filters[key]);
}
