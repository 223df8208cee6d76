-- Telemetry tables are WITHOUT ROWID and have no second index: every index entry is a billed row written, and each of them is
-- read by a range of time, which is how its key begins.

-- One row per incarnation of a Region object (a wiped object begins a new one, with batch numbers of its own).
CREATE TABLE regions (
  region TEXT NOT NULL,
  incarnation TEXT NOT NULL,
  -- NOT NULL is what aborts a batch that was applied before: see worker/db/regions.ts.
  batch_seq INTEGER NOT NULL,
  reported INTEGER NOT NULL,
  stored INTEGER NOT NULL,
  dropped INTEGER NOT NULL,
  last_report_ms INTEGER NOT NULL,
  PRIMARY KEY (region, incarnation)
) WITHOUT ROWID;

CREATE TABLE rollups (
  minute INTEGER NOT NULL,
  region TEXT NOT NULL,
  service TEXT NOT NULL,
  method TEXT NOT NULL,
  operation TEXT NOT NULL,
  verdict TEXT NOT NULL,
  reason TEXT NOT NULL,
  requests INTEGER NOT NULL,
  PRIMARY KEY (minute, region, service, method, operation, verdict, reason)
) WITHOUT ROWID;

CREATE TABLE traffic (
  minute INTEGER NOT NULL,
  region TEXT NOT NULL,
  service TEXT NOT NULL,
  method TEXT NOT NULL,
  operation TEXT NOT NULL,
  status_1xx INTEGER NOT NULL,
  status_2xx INTEGER NOT NULL,
  status_3xx INTEGER NOT NULL,
  status_4xx INTEGER NOT NULL,
  status_5xx INTEGER NOT NULL,
  upstream_failures INTEGER NOT NULL,
  bytes_in INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  PRIMARY KEY (minute, region, service, method, operation)
) WITHOUT ROWID;

CREATE TABLE latency (
  minute INTEGER NOT NULL,
  region TEXT NOT NULL,
  service TEXT NOT NULL,
  method TEXT NOT NULL,
  operation TEXT NOT NULL,
  bucket INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  PRIMARY KEY (minute, region, service, method, operation, bucket)
) WITHOUT ROWID;

CREATE TABLE events (
  time_ms INTEGER NOT NULL,
  id TEXT NOT NULL,
  region TEXT NOT NULL,
  verdict TEXT NOT NULL,
  reason TEXT NOT NULL,
  service TEXT NOT NULL,
  method TEXT NOT NULL,
  operation TEXT NOT NULL,
  path TEXT NOT NULL,
  status INTEGER,
  latency_ms REAL,
  bytes_in INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  principal TEXT NOT NULL,
  kind TEXT NOT NULL,
  authenticator TEXT NOT NULL,
  limit_name TEXT NOT NULL,
  address TEXT NOT NULL,
  country TEXT NOT NULL,
  asn INTEGER NOT NULL,
  colo TEXT NOT NULL,
  stratum INTEGER NOT NULL,
  priority REAL NOT NULL,
  weight REAL NOT NULL,
  threshold REAL NOT NULL,
  stands_for REAL NOT NULL,
  PRIMARY KEY (time_ms, id)
) WITHOUT ROWID;

CREATE TABLE policies (
  version INTEGER PRIMARY KEY,
  published_ms INTEGER NOT NULL,
  digest TEXT NOT NULL,
  source TEXT NOT NULL,
  meta TEXT NOT NULL,
  -- AES-256-GCM: HMAC midstates inside can forge tokens as well as verify them.
  image BLOB NOT NULL
);

-- Only SHA-256 of what a browser or a link carries is kept: a copy of this table signs nobody in.
CREATE TABLE sessions (
  token_hash TEXT PRIMARY KEY,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE sign_in_links (
  token_hash TEXT PRIMARY KEY,
  expires_ms INTEGER NOT NULL,
  used INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
