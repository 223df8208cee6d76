import { deleteOldExemptions } from "./exemptions.ts";

/** Tables that age by minute, in the order of how much they hold. */
const minuteTables = ["latency", "rollups", "traffic"] as const;

/**
 * Statements that each delete at most `chunk` rows older than `beforeMs`. Keys begin with time, so a chunk is one range:
 * rows up to the key of the chunk's last.
 */
export function deleteExpiredTelemetry(db: D1Database, beforeMs: number, chunk: number): D1PreparedStatement[] {
  const minute = Math.floor(beforeMs / 60_000);
  const byMinute = minuteTables.map((table) => {
    const key = `minute, region, service, method, operation${table === "latency" ? ", bucket" : ""}${table === "rollups" ? ", verdict, reason" : ""}`;
    return db
      .prepare(`DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE minute < ?1 ORDER BY minute LIMIT ?2)`)
      .bind(minute, chunk);
  });
  const events = db
    .prepare(
      "DELETE FROM events WHERE (time_ms, id) IN (SELECT time_ms, id FROM events WHERE time_ms < ?1 ORDER BY time_ms LIMIT ?2)",
    )
    .bind(beforeMs, chunk);
  return [events, ...byMinute];
}

/** Sessions and links that no longer sign anybody in. */
export function deleteExpiredSignIns(db: D1Database, nowMs: number): D1PreparedStatement[] {
  return [
    db.prepare("DELETE FROM sessions WHERE expires_ms <= ?1").bind(nowMs),
    db.prepare("DELETE FROM sign_in_links WHERE expires_ms <= ?1").bind(nowMs),
  ];
}

/**
 * Revocations, grants and exemptions that are over. A grant stays a day longer: a refusal may still say that it ended; an exemption
 * for as long as the list shows it.
 */
export function deleteExpiredOverlay(db: D1Database, nowMs: number): D1PreparedStatement[] {
  return [
    db.prepare("DELETE FROM revocations WHERE expires_ms <= ?1").bind(nowMs),
    db.prepare("DELETE FROM grants WHERE until_ms <= ?1 - 86400000").bind(nowMs),
    deleteOldExemptions(db, nowMs),
  ];
}
