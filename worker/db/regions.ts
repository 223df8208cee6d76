/** What one incarnation of a Region object has written, as of its last batch. Counts are requests. */
export interface RegionRow {
  region: string;
  incarnation: string;
  batchSeq: number;
  reported: number;
  stored: number;
  dropped: number;
  lastReportMs: number;
  /** Requests of authenticated callers that are in no row of principal_operations, and places in none of principal_places. */
  callersUnlisted: number;
  placesUnlisted: number;
  /** … and in none of principal_peaks. */
  peaksUnlisted: number;
}

/** A batch's head: `stored` are the requests of this batch alone, the rest are totals of the incarnation. */
export interface BatchHead extends RegionRow {}

/**
 * The first statement of every batch: moves the incarnation's batch number forward to n. When it is n or beyond already (the
 * batch was applied before, its answer lost), the CASE yields NULL, the NOT NULL column refuses it, and D1 rolls the whole batch
 * back: so a batch is applied exactly once however often it is sent. Not "from n − 1", because a database that was set back to
 * an earlier time must not refuse the region for ever.
 */
export function advanceRegion(db: D1Database, head: BatchHead): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO regions (region, incarnation, batch_seq, reported, stored, dropped, last_report_ms, callers_unlisted, places_unlisted,
         peaks_unlisted)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
       ON CONFLICT (region, incarnation) DO UPDATE SET
         batch_seq = CASE WHEN batch_seq < excluded.batch_seq THEN excluded.batch_seq END,
         reported = excluded.reported, stored = stored + excluded.stored, dropped = excluded.dropped,
         last_report_ms = excluded.last_report_ms,
         callers_unlisted = excluded.callers_unlisted, places_unlisted = excluded.places_unlisted,
         peaks_unlisted = excluded.peaks_unlisted`,
    )
    .bind(
      head.region,
      head.incarnation,
      head.batchSeq,
      head.reported,
      head.stored,
      head.dropped,
      head.lastReportMs,
      head.callersUnlisted,
      head.placesUnlisted,
      head.peaksUnlisted,
    );
}

/** { batchSeq } of the incarnation's last applied batch; no row before its first. */
export function selectBatchSeq(db: D1Database, region: string, incarnation: string): D1PreparedStatement {
  return db
    .prepare(`SELECT batch_seq AS "batchSeq" FROM regions WHERE region = ?1 AND incarnation = ?2`)
    .bind(region, incarnation);
}

/** Every incarnation, as RegionRow. */
export function selectRegions(db: Pick<D1Database, "prepare">): D1PreparedStatement {
  return db.prepare(
    `SELECT region, incarnation, batch_seq AS "batchSeq", reported, stored, dropped, last_report_ms AS "lastReportMs",
       callers_unlisted AS "callersUnlisted", places_unlisted AS "placesUnlisted",
       peaks_unlisted AS "peaksUnlisted" FROM regions`,
  );
}
