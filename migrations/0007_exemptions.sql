-- Exemptions from limits. Written by people: each says itself who made it, when and why, and who ended it before its time.
CREATE TABLE exemptions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  -- '' = the subject is a network.
  authenticator TEXT NOT NULL,
  -- The principal, or the network in canonical form (RFC 5952).
  subject TEXT NOT NULL,
  -- The network as the core compares it, 17 bytes in hex; '' = the subject is a principal.
  network TEXT NOT NULL CHECK (length(network) IN (0, 34) AND network NOT GLOB '*[^0-9a-f]*'),
  -- '' = every limit.
  limit_name TEXT NOT NULL,
  -- Of the limit's name as the image has it, 64 bits in hex; '' = every limit.
  limit_hash TEXT NOT NULL CHECK (length(limit_hash) IN (0, 16) AND limit_hash NOT GLOB '*[^0-9a-f]*'),
  until_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  who TEXT NOT NULL,
  made_ms INTEGER NOT NULL,
  -- When and by whom it was ended before its time; NULL = it was not.
  ended_ms INTEGER,
  ended_by TEXT
);

CREATE UNIQUE INDEX exemptions_open ON exemptions (authenticator, subject, limit_name, until_ms) WHERE ended_ms IS NULL;
