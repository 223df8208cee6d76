// What D1 keeps of callers, as the rest of Picket reads it.

/** An authenticated caller as D1 keeps it; times in ms since 1970. See migrations/0003_principals.sql. */
export interface StoredPrincipal {
  authenticator: string;
  principal: string;
  kind: string;
  /** What names the newest credential; "" = nothing does. */
  credential: string;
  /** Space-separated, as the newest credential carried them. */
  scopes: string;
  /** As its newest credential claims it; "" = it says none. */
  firmware: string;
  roles: string;
  issuedMs: number | null;
  expiresMs: number | null;
  /** The longest that a credential of this caller had. */
  lifetimeMs: number | null;
  /** 1 = a credential without an expiry was accepted. */
  endless: number;
  firstMs: number;
  lastMs: number;
  /** UTC day since 1970 that the bitmap is of, and its 64 bits in two halves. */
  addressDay: number;
  addressLow: number;
  addressHigh: number;
}

/** … and as it is read. */
export interface PrincipalRow extends StoredPrincipal {
  /** 1 = a revocation that is in force strikes its newest credential. */
  revoked: number;
}

export interface PrincipalOperationRow {
  authenticator: string;
  principal: string;
  service: string;
  method: string;
  operation: string;
  allowed: number;
  refused: number;
  firstMs: number;
  lastMs: number;
}

export interface PrincipalPlaceRow {
  country: string;
  asn: number;
  firstMs: number;
  lastMs: number;
}

export interface StoredPlace extends PrincipalPlaceRow {
  authenticator: string;
  principal: string;
}

/** Seen last, seen first lately, the most requests, by name. */
export const principalOrders = ["last", "first", "requests", "principal"] as const;

export type PrincipalOrder = (typeof principalOrders)[number];

export interface PrincipalFilter {
  /** Part of the principal's text, ASCII letters in either case; "" = any. */
  q: string;
  kind: string;
  authenticator: string;
}

/** Where a page ended: the last row's key and name. */
export interface PrincipalCursor {
  key: number | string;
  authenticator: string;
  principal: string;
}
