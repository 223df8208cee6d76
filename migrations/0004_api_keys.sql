-- API keys that were made here. A key is shown to whoever makes it and never again: what is kept is its SHA-256, in hex.
CREATE TABLE api_keys (
  authenticator TEXT NOT NULL,
  -- The principal.
  id TEXT NOT NULL,
  sha256 TEXT NOT NULL UNIQUE,
  -- The <env> of pk_<env>_…
  environment TEXT NOT NULL,
  kind TEXT NOT NULL,
  -- Space-separated, sorted.
  scopes TEXT NOT NULL,
  -- JSON: names of the policy's roles, which may hold blanks.
  roles TEXT NOT NULL,
  owner TEXT NOT NULL,
  -- JSON: networks from which the key may be used; [] = from anywhere.
  addresses TEXT NOT NULL,
  -- When there was first a key of this id, and when the present one was made.
  created_ms INTEGER NOT NULL,
  made_ms INTEGER NOT NULL,
  -- The end, exclusive; NULL = never.
  expires_ms INTEGER,
  -- NULL = it is enabled.
  disabled_ms INTEGER,
  -- The key that the present one took the place of; NULL = there was none. It holds until previous_until_ms.
  previous_sha256 TEXT,
  previous_made_ms INTEGER,
  previous_until_ms INTEGER,
  -- Of the last change.
  who TEXT NOT NULL,
  reason TEXT NOT NULL,
  changed_ms INTEGER NOT NULL,
  -- Moved by every change: two that are made of the same state cannot both succeed.
  version INTEGER NOT NULL,
  PRIMARY KEY (authenticator, id)
) WITHOUT ROWID;

CREATE INDEX api_keys_previous ON api_keys (previous_sha256) WHERE previous_sha256 IS NOT NULL;
