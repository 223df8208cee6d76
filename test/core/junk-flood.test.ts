import { expect, it } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { compileText, nowMs, secretNamed } from "./core-fixture.ts";
import { NodeGateway } from "./node-gateway.ts";
import { newSecretKey, newSigningKey, signedToken } from "./signing-keys.ts";

const SECONDS = 3;
const JUNK_PER_SECOND = 20_000;
const HONEST_PER_SECOND = 200;
const CALLERS = 64;

const pair = newSigningKey("ES256", "e1");
const shared = newSecretKey("HS256", "d1", secretNamed("env:SECRET"));
const policy = `
picket: 1
services:
  - { name: a, match: { path: / }, upstream: http://127.0.0.1:9000, auth: [tokens], operations: [GET /x] }
authenticators:
  - name: tokens
    type: jwt
    issuer: i
    audience: a
    algorithms: [HS256, ES256]
    keys: [{ kid: d1, secret: env:SECRET }, { kid: e1, jwk: ${JSON.stringify(pair.jwk)} }]
    verifications: { rate: 50/1s, burst: 100 }
`;

const claims = { iss: "i", aud: "a", exp: nowMs / 1000 + 3600 };
const junkInput = signedToken(pair, { ...claims, sub: "junk" })
  .split(".")
  .slice(0, 2)
  .join(".");

/** Good claims, and a signature of the right length that is nobody's. */
function junk(i: number): string {
  const signature = Buffer.alloc(64, 1);
  signature.writeUInt32BE(i);
  return `Bearer ${junkInput}.${signature.toString("base64url")}`;
}

// The clock is an argument, so that these are 20,000 a second on a machine of any speed (the bench `flood` has the time that it takes).
it.each([
  ["one address", () => "203.0.113.9"],
  ["the addresses of one /64", (i: number) => `2001:db8:0:7:${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}::1`],
])(
  "of 20,000 junk tokens a second from %s no more are verified than it may have, and every honest caller is let in",
  async (_, addressOf) => {
    const gateway = new NodeGateway(await compileText(policy));
    const keys = [shared, pair];
    const honest = Array.from({ length: 2 * CALLERS }, (_, i) => ({
      token: `Bearer ${signedToken(keys[i % 2] as typeof pair, { ...claims, sub: `device-${i}` })}`,
      address: `10.0.0.${i}`,
    }));
    const found = new Map<number, number>();
    let letIn = 0;
    const every = JUNK_PER_SECOND / HONEST_PER_SECOND;
    for (let i = 0; i < SECONDS * JUNK_PER_SECOND; i++) {
      const atMs = nowMs + (i * 1000) / JUNK_PER_SECOND;
      const reason = await gateway.judge(junk(i), addressOf(i), "/x", atMs);
      found.set(reason, (found.get(reason) ?? 0) + 1);
      const caller = honest[(i / every) % honest.length];
      if (caller !== undefined && (await gateway.judge(caller.token, caller.address, "/x", atMs)) === abi.REASON_NONE) letIn++;
    }
    expect(letIn).toBe(SECONDS * HONEST_PER_SECOND);
    expect([...found.keys()].sort()).toEqual([abi.REASON_SIGNATURE_INVALID, abi.REASON_VERIFICATION_LIMITED].sort());
    const verified = found.get(abi.REASON_SIGNATURE_INVALID) ?? 0;
    expect(verified).toBeGreaterThan(50 * SECONDS);
    expect(verified).toBeLessThanOrEqual(100 + 50 * SECONDS);
    expect(gateway.verifications).toBe(verified + CALLERS); // each honest ES256 token once
  },
);
