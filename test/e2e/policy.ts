import { createHash } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SignJWT } from "jose";

const SECRET = "end-to-end-secret-of-thirty-two-bytes!";
export const API_KEY = "end-to-end-api-key";

/** What the policy's secret reference reads. */
export const environment = { E2E_TOKEN_SECRET: SECRET };

export interface Rates {
  /** Requests a minute and burst for each caller. */
  perCaller?: { rate: number; burst: number };
}

/** A policy in front of one upstream: a guarded service, a public one, and a limit that a test can reach. */
export function policyText(upstream: string, { perCaller = { rate: 600_000, burst: 100_000 } }: Rates = {}): string {
  const digest = createHash("sha256").update(API_KEY).digest("hex");
  return `picket: 1
services:
  - name: things
    match: { path: /things }
    upstream: ${upstream}
    owner: tests
    auth: [tokens, keys]
    limits: [per-caller]
    undocumented: report
    operations:
      - GET /things/{id}
      - { method: POST, path: "/things/{id}/upload" }
      - GET /things/{id}/download
      - GET /things/{id}/events
      - GET /things/{id}/text
      - GET /things/{id}/socket
      - { method: GET, path: "/things/{id}/own", bind: { id: principal } }
      - { method: DELETE, path: "/things/{id}", scopes: [things:delete] }
  - name: scarce
    match: { path: /scarce }
    upstream: ${upstream}
    owner: tests
    auth: [keys]
    limits: [one-a-minute]
    operations:
      - GET /scarce
  - name: open
    match: { path: /open }
    upstream: ${upstream}
    owner: tests
    auth: []
    operations:
      - GET /open/{id}
  - name: slow
    match: { path: /slow }
    upstream: ${upstream}
    owner: tests
    auth: []
    timeout: 1s
    operations:
      - GET /slow/silence
authenticators:
  - { name: tokens, type: jwt, issuer: https://id.test, audience: things, keys: [{ kid: k1, secret: env:E2E_TOKEN_SECRET }], kind: device }
  - { name: keys, type: api-key, keys: [{ id: tester, sha256: "${digest}", kind: partner, scopes: [things:read] }] }
limits:
  - { name: per-caller, by: principal, rate: ${perCaller.rate}/1m, burst: ${perCaller.burst} }
  - { name: one-a-minute, by: principal, rate: 1/1m, burst: 1 }
telemetry: { rowsPerDay: 100000000, retainDays: 1 }
`;
}

/** Writes a policy where nothing else is. */
export function policyFile(text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), "picket-e2e-policy-")), "policy.yaml");
  writeFileSync(file, text);
  return file;
}

export function token(subject: string, scope = "things:read", secret = SECRET): Promise<string> {
  return new SignJWT({ scope })
    .setProtectedHeader({ alg: "HS256", kid: "k1" })
    .setIssuer("https://id.test")
    .setAudience("things")
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime("10m")
    .sign(new TextEncoder().encode(secret));
}
