-- The most that a caller did on an operation within one minute of a day, and within ten seconds: what suggested limits are made of.
-- Minutes and tens of seconds are UTC's. Each region counts its own, and their largest may lie at different times of the day, so the
-- sum over regions bounds the largest of all from above. A rise of less than a tenth is not written.
CREATE TABLE principal_peaks (
  -- UTC day since 1970.
  day INTEGER NOT NULL,
  region TEXT NOT NULL,
  authenticator TEXT NOT NULL,
  principal TEXT NOT NULL,
  service TEXT NOT NULL,
  method TEXT NOT NULL,
  operation TEXT NOT NULL,
  -- Requests that were let pass (in shadow mode too).
  minute INTEGER NOT NULL,
  burst INTEGER NOT NULL,
  -- In one minute, with those that were refused after the caller was authenticated: what a limit in force hides.
  asked INTEGER NOT NULL,
  -- Time first: rows age by it, and are read by it.
  PRIMARY KEY (day, region, authenticator, principal, service, method, operation)
) WITHOUT ROWID;

-- Requests that no peak counts, since there was no room.
ALTER TABLE regions ADD COLUMN peaks_unlisted INTEGER NOT NULL DEFAULT 0;
