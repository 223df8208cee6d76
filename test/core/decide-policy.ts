/** A policy in which every part of a decision can be seen. API key of "acme": "acme-key"; of "late": "late-key", expired. */
export const decidePolicy = `
picket: 1
services:
  - name: fleet
    match: { path: /fleet }
    upstream: http://127.0.0.1:9000
    owner: devices-team
    auth: [device-tokens, partner-keys]
    limits: [per-principal]
    undocumented: report
    operations:
      - GET /fleet/devices/{deviceId}
      - { method: POST, path: "/fleet/devices/{deviceId}/telemetry", scopes: [telemetry:write], limits: [per-device] }
      - { method: GET, path: /fleet/admin, scopes: [admin, audit] }
      - { method: GET, path: /fleet/keys, scopes: [admin], roles: [operator, auditor] }
  - name: closed
    match: { path: /closed }
    upstream: http://127.0.0.1:9000
    auth: [device-tokens, user-tokens]
    undocumented: refuse
    operations: [GET /closed/known]
  - name: public
    match: { path: /public }
    upstream: http://127.0.0.1:9000
    auth: []
    limits: [per-address, per-operation]
    undocumented: allow
    operations: [GET /public/ping, "GET /public/files/{path+}"]
  - name: hosted
    match: { host: api.example.com, path: /public }
    upstream: http://127.0.0.1:9000
    auth: []
    operations: [GET /public/ping]
  - name: own
    match: { path: /own }
    upstream: http://127.0.0.1:9000
    auth: [device-tokens, user-tokens, partner-keys]
    undocumented: refuse
    operations:
      - { method: GET, path: "/own/devices/{deviceId}/log", bind: { deviceId: "claim:dev" } }
      - { method: GET, path: "/own/{who}", bind: { who: principal } }
      - { method: GET, path: "/own/{who}/devices/{deviceId}", bind: { deviceId: "claim:dev", who: principal } }
authenticators:
  - { name: device-tokens, type: jwt, issuer: https://id.example, audience: fleet, algorithms: [HS256], keys: [{ kid: d1, secret: env:DEVICE_SECRET }], kind: device }
  - { name: user-tokens, type: jwt, issuer: https://users.example, audience: fleet, algorithms: [HS256], keys: [{ kid: u1, secret: env:USER_SECRET }], kind: user }
  - name: partner-keys
    type: api-key
    header: X-Api-Key
    keys:
      - { id: acme, sha256: "ACME", kind: partner, scopes: [devices:read, telemetry:write] }
      - { id: late, sha256: "LATE", kind: partner, expires: 2020-01-01 }
roles: { operator: [admin, "devices:write"], auditor: [] }
limits:
  - { name: per-principal, by: principal, rate: 600/1m, burst: 60 }
  - { name: per-device, by: "claim:dev", rate: 6/1m, burst: 3 }
  - { name: per-address, by: address, rate: 60/1m, burst: 5 }
  - { name: per-operation, by: operation, rate: 6000/1m, burst: 100 }
telemetry: { rowsPerDay: 2000000, retainDays: 14 }
`;
