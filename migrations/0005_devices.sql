-- Devices that are known by name, whether or not they have called yet. Written by people and their scripts; when a device was first
-- and last seen says the table principals, whose (authenticator, principal) is its (authenticator, device).
CREATE TABLE devices (
  -- Rows are never deleted, so the largest number is their count.
  id INTEGER PRIMARY KEY,
  authenticator TEXT NOT NULL,
  device TEXT NOT NULL,
  -- '' = not said.
  fleet TEXT NOT NULL,
  model TEXT NOT NULL,
  firmware TEXT NOT NULL,
  -- active, quarantined, retired
  state TEXT NOT NULL,
  note TEXT NOT NULL,
  -- Who made the last change, and when.
  who TEXT NOT NULL,
  changed_ms INTEGER NOT NULL,
  made_ms INTEGER NOT NULL,
  UNIQUE (authenticator, device)
);

-- Those that the gateway refuses: few, and read whole.
CREATE INDEX devices_refused ON devices (state, id) WHERE state <> 'active';
CREATE INDEX devices_fleet ON devices (fleet, id);
