CREATE TABLE events (id INTEGER PRIMARY KEY, time_ms INTEGER, principal TEXT, method TEXT, path TEXT, status INTEGER, latency_ms INTEGER)
