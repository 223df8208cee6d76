import type { PrincipalCursor, PrincipalFilter, PrincipalOrder, PrincipalRow } from "./principal-rows.ts";

type Reader = Pick<D1Database, "prepare">;

/** What each order goes by, and which way. */
const orders = {
  last: { key: "p.last_ms", step: "<", way: "DESC" },
  first: { key: "p.first_ms", step: "<", way: "DESC" },
  requests: {
    key: `COALESCE((SELECT SUM(allowed + refused) FROM principal_operations o
      WHERE o.authenticator = p.authenticator AND o.principal = p.principal), 0)`,
    step: "<",
    way: "DESC",
  },
  principal: { key: "p.principal", step: ">", way: "ASC" },
} as const satisfies Record<PrincipalOrder, { key: string; step: "<" | ">"; way: "ASC" | "DESC" }>;

const columns = `p.authenticator, p.principal, p.kind, p.credential, p.scopes, p.firmware, p.roles, p.issued_ms AS "issuedMs",
  p.expires_ms AS "expiresMs", p.lifetime_ms AS "lifetimeMs", p.endless, p.first_ms AS "firstMs", p.last_ms AS "lastMs",
  p.address_day AS "addressDay", p.address_low AS "addressLow", p.address_high AS "addressHigh"`;

/** As selectRevocationsOf (worker/db/revocations.ts) judges: a credential that does not say when it was issued counts as older. */
const revoked = (
  now: "?3" | "?4",
) => `EXISTS (SELECT 1 FROM revocations r WHERE r.authenticator = p.authenticator AND r.expires_ms > ${now}
  AND r.before_ms > COALESCE(p.issued_ms, 0) AND ((r.kind = 'principal' AND r.subject = p.principal)
    OR (r.kind = 'credential' AND r.subject = p.credential) OR (r.kind = 'issuer' AND r.subject = ''))) AS revoked`;

// instr, since D1 takes patterns of 50 bytes at most for LIKE, and in it % and _ would have to be escaped.
const matches = `(?1 = '' OR instr(lower(p.principal), lower(?1)) > 0) AND (?2 = '' OR p.kind = ?2)
  AND (?3 = '' OR p.authenticator = ?3)`;

/** Callers after `cursor` (null = from the first), at most `limit`, as PrincipalRow with `key`. */
export function selectPrincipals(
  db: Reader,
  filter: PrincipalFilter,
  order: PrincipalOrder,
  cursor: PrincipalCursor | null,
  limit: number,
  nowMs: number,
): D1PreparedStatement {
  const { key, step, way } = orders[order];
  return db
    .prepare(
      `SELECT * FROM (SELECT ${columns}, ${key} AS key, ${revoked("?4")} FROM principals p WHERE ${matches})
       WHERE ?5 IS NULL OR (key, authenticator, principal) ${step} (?5, ?6, ?7)
       ORDER BY key ${way}, authenticator ${way}, principal ${way} LIMIT ?8`,
    )
    .bind(
      filter.q,
      filter.kind,
      filter.authenticator,
      nowMs,
      cursor?.key ?? null,
      cursor?.authenticator ?? "",
      cursor?.principal ?? "",
      limit,
    );
}

/** { callers } that the filter lets through. */
export function countPrincipals(db: Reader, { q, kind, authenticator }: PrincipalFilter): D1PreparedStatement {
  return db.prepare(`SELECT COUNT(*) AS callers FROM principals p WHERE ${matches}`).bind(q, kind, authenticator);
}

const operationColumns = `o.authenticator, o.principal, o.service, o.method, o.operation, o.allowed, o.refused,
  o.first_ms AS "firstMs", o.last_ms AS "lastMs"`;

/** The operations of these callers, as PrincipalOperationRow. Names go in as one JSON parameter: D1 binds 100 at most. */
export function selectOperationsOf(
  db: Reader,
  callers: readonly Pick<PrincipalRow, "authenticator" | "principal">[],
): D1PreparedStatement {
  return db
    .prepare(
      `SELECT ${operationColumns} FROM json_each(?1) AS caller CROSS JOIN principal_operations o
         ON o.authenticator = caller.value ->> 0 AND o.principal = caller.value ->> 1
       ORDER BY o.last_ms DESC, o.service, o.method, o.operation`,
    )
    .bind(JSON.stringify(callers.map(({ authenticator, principal }) => [authenticator, principal])));
}

/** One caller as PrincipalRow, no row when there is none. */
export function selectPrincipal(db: Reader, authenticator: string, principal: string, nowMs: number): D1PreparedStatement {
  return db
    .prepare(`SELECT ${columns}, ${revoked("?3")} FROM principals p WHERE p.authenticator = ?1 AND p.principal = ?2`)
    .bind(authenticator, principal, nowMs);
}

/** The places that a caller was last seen at, as PrincipalPlaceRow, newest first. */
export function selectPlacesOf(db: Reader, authenticator: string, principal: string, limit: number): D1PreparedStatement {
  return db
    .prepare(
      `SELECT country, asn, first_ms AS "firstMs", last_ms AS "lastMs" FROM principal_places
       WHERE authenticator = ?1 AND principal = ?2 ORDER BY last_ms DESC, country, asn LIMIT ?3`,
    )
    .bind(authenticator, principal, limit);
}
