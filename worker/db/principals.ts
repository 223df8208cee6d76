import { insertFromJson, jsonParameters } from "./json-rows.ts";
import type { PrincipalOperationRow, StoredPlace, StoredPrincipal } from "./principal-rows.ts";

export interface CallerRows {
  principals: StoredPrincipal[];
  operations: PrincipalOperationRow[];
  places: StoredPlace[];
}

/** Field → column: the lists of these tables' columns. */
const principalColumns = {
  authenticator: "authenticator",
  principal: "principal",
  kind: "kind",
  credential: "credential",
  scopes: "scopes",
  firmware: "firmware",
  roles: "roles",
  issuedMs: "issued_ms",
  expiresMs: "expires_ms",
  lifetimeMs: "lifetime_ms",
  endless: "endless",
  firstMs: "first_ms",
  lastMs: "last_ms",
  addressDay: "address_day",
  addressLow: "address_low",
  addressHigh: "address_high",
} as const satisfies Record<keyof StoredPrincipal, string>;
const operationColumns = {
  authenticator: "authenticator",
  principal: "principal",
  service: "service",
  method: "method",
  operation: "operation",
  allowed: "allowed",
  refused: "refused",
  firstMs: "first_ms",
  lastMs: "last_ms",
} as const satisfies Record<keyof PrincipalOperationRow, string>;
const placeColumns = {
  authenticator: "authenticator",
  principal: "principal",
  country: "country",
  asn: "asn",
  firstMs: "first_ms",
  lastMs: "last_ms",
} as const satisfies Record<keyof StoredPlace, string>;

const span = "first_ms = MIN(first_ms, excluded.first_ms), last_ms = MAX(last_ms, excluded.last_ms)";
const ofNewest = ["kind", "credential", "scopes", "firmware", "roles", "issued_ms", "expires_ms"].map(
  (column) => `${column} = CASE WHEN excluded.last_ms >= last_ms THEN excluded.${column} ELSE ${column} END`,
);
const ofDay = ["address_low", "address_high"].map(
  (column) =>
    `${column} = CASE WHEN excluded.address_day > address_day THEN excluded.${column}
       WHEN excluded.address_day = address_day THEN ${column} | excluded.${column} ELSE ${column} END`,
);

const upsertPrincipal = insertFromJson(
  "principals",
  Object.values(principalColumns),
  `ON CONFLICT (authenticator, principal) DO UPDATE SET ${[...ofNewest, ...ofDay].join(", ")},
     lifetime_ms = MAX(COALESCE(lifetime_ms, excluded.lifetime_ms), COALESCE(excluded.lifetime_ms, lifetime_ms)),
     endless = MAX(endless, excluded.endless), address_day = MAX(address_day, excluded.address_day), ${span}`,
);
const upsertOperation = insertFromJson(
  "principal_operations",
  Object.values(operationColumns),
  `ON CONFLICT (authenticator, principal, service, method, operation) DO UPDATE SET
     allowed = allowed + excluded.allowed, refused = refused + excluded.refused, ${span}`,
);
const upsertPlace = insertFromJson(
  "principal_places",
  Object.values(placeColumns),
  `ON CONFLICT (authenticator, principal, country, asn) DO UPDATE SET ${span}`,
);

/** Merges into the rows that stand; one row written per key. */
export function addCallers(db: D1Database, { principals, operations, places }: CallerRows): D1PreparedStatement[] {
  return [
    ...upserts(db, upsertPrincipal, principals, principalColumns),
    ...upserts(db, upsertOperation, operations, operationColumns),
    ...upserts(db, upsertPlace, places, placeColumns),
  ];
}

function upserts<Row extends object>(
  db: D1Database,
  sql: string,
  rows: readonly Row[],
  columns: Record<keyof Row & string, string>,
) {
  const fields = Object.keys(columns) as (keyof Row)[];
  return jsonParameters(rows.map((row) => fields.map((field) => row[field]))).map((json) => db.prepare(sql).bind(json));
}

/** Statements that each delete at most `chunk` rows that say nothing newer than `beforeMs`: a principal's own is the last to go. */
export function deleteExpiredCallers(db: D1Database, beforeMs: number, chunk: number): D1PreparedStatement[] {
  const tables = [
    ["principal_operations", "authenticator, principal, service, method, operation"],
    ["principal_places", "authenticator, principal, country, asn"],
    ["principals", "authenticator, principal"],
  ] as const;
  return tables.map(([table, key]) =>
    db
      .prepare(`DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE last_ms < ?1 LIMIT ?2)`)
      .bind(beforeMs, chunk),
  );
}
