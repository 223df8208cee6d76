-- What changes between two policies. Rows are few and written by people: each says itself who made it, when and why.
CREATE TABLE revocations (
  -- AUTOINCREMENT: the number of a row that is gone never names another.
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  authenticator TEXT NOT NULL,
  subject TEXT NOT NULL,
  -- 8640000000000000 (the last instant that a Date can hold) = whenever it was issued, and never.
  before_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  who TEXT NOT NULL,
  made_ms INTEGER NOT NULL,
  UNIQUE (kind, authenticator, subject)
);

CREATE TABLE grants (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  authenticator TEXT NOT NULL,
  principal TEXT NOT NULL,
  -- Space-separated, sorted.
  scopes TEXT NOT NULL,
  from_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  approver TEXT NOT NULL,
  who TEXT NOT NULL,
  made_ms INTEGER NOT NULL,
  UNIQUE (authenticator, principal, scopes, from_ms, until_ms)
);

-- One number for both lists, moved by every change of either: by it regions and isolates know that theirs is old.
CREATE TABLE overlay (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  generation INTEGER NOT NULL
);
INSERT INTO overlay (id, generation) VALUES (1, 0);
