-- Who calls, as the gateway authenticated them. Regions write a row when there is something new to say of it, so all of this is
-- as bounded as the callers whom authenticators vouch for. A credential itself is never here, only what names it.
CREATE TABLE principals (
  authenticator TEXT NOT NULL,
  principal TEXT NOT NULL,
  kind TEXT NOT NULL,
  -- What names the newest credential: an API key's id, a token's kid; '' = nothing does.
  credential TEXT NOT NULL,
  -- Space-separated, as the newest credential carried them.
  scopes TEXT NOT NULL,
  -- What the newest credential claims that its device runs; '' = nothing.
  firmware TEXT NOT NULL DEFAULT '',
  -- Names of the policy's roles, space-separated.
  roles TEXT NOT NULL,
  -- Of the newest credential; NULL = it does not say, or never expires.
  issued_ms INTEGER,
  expires_ms INTEGER,
  -- The longest lifetime that a credential of this principal had; NULL = none said both dates.
  lifetime_ms INTEGER,
  -- 1 = a credential without an expiry was accepted.
  endless INTEGER NOT NULL,
  first_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL,
  -- Distinct addresses of one UTC day by linear counting (Whang et al., TODS 1990): 64 bits in two halves.
  address_day INTEGER NOT NULL,
  address_low INTEGER NOT NULL,
  address_high INTEGER NOT NULL,
  PRIMARY KEY (authenticator, principal)
) WITHOUT ROWID;

CREATE TABLE principal_operations (
  authenticator TEXT NOT NULL,
  principal TEXT NOT NULL,
  service TEXT NOT NULL,
  method TEXT NOT NULL,
  operation TEXT NOT NULL,
  -- Let pass (in shadow mode too), and refused after the caller was authenticated.
  allowed INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  first_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL,
  PRIMARY KEY (authenticator, principal, service, method, operation)
) WITHOUT ROWID;

CREATE TABLE principal_places (
  authenticator TEXT NOT NULL,
  principal TEXT NOT NULL,
  country TEXT NOT NULL,
  asn INTEGER NOT NULL,
  first_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL,
  PRIMARY KEY (authenticator, principal, country, asn)
) WITHOUT ROWID;

-- What a full table could not take in, so that rows and these together are all requests of authenticated callers.
ALTER TABLE regions ADD COLUMN callers_unlisted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE regions ADD COLUMN places_unlisted INTEGER NOT NULL DEFAULT 0;
