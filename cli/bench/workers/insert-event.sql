INSERT INTO events (time_ms, principal, method, path, status, latency_ms) VALUES (?, ?, ?, ?, ?, ?)
