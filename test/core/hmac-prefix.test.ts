import { createHmac } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { compileText, loadImage, newCore, nowMs, secretNamed, TestGateway } from "./core-fixture.ts";

const policy = `
picket: 1
services:
  - { name: a, match: { path: / }, upstream: http://127.0.0.1:9000, auth: [rotated], operations: [GET /x] }
authenticators:
  - { name: rotated, type: jwt, issuer: https://id.example, audience: fleet, keys: [{ kid: r1, secret: env:OLD }, { kid: r2, secret: env:NEW }] }
`;
const secrets = { r1: secretNamed("env:OLD"), r2: secretNamed("env:NEW") };

let gateway: TestGateway;

beforeAll(async () => {
  gateway = new TestGateway(newCore(), (await compileText(policy)).image);
});

interface Token {
  kid: "r1" | "r2";
  /** Characters of the family's text that this token begins with: tokens share whole blocks, parts of them, or none. */
  shared: number;
  own: string;
  damage: "none" | "signature" | "other key";
}

const tokens = fc.array(
  fc.record({
    kid: fc.constantFrom<Token["kid"]>("r1", "r2"),
    shared: fc.nat(400),
    own: fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 120 }),
    damage: fc.constantFrom<Token["damage"]>("none", "none", "none", "signature", "other key"),
  }),
  { minLength: 2, maxLength: 24 },
);

/** Both kids have the same length, so that tokens of different keys differ in nothing but that until the family's text ends. */
function tokenOf({ kid, shared, own, damage }: Token): string {
  const claims = {
    note: "family ".repeat(60).slice(0, shared) + own,
    iss: "https://id.example",
    aud: "fleet",
    exp: nowMs / 1000 + 60,
  };
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${part({ alg: "HS256", kid })}.${part(claims)}`;
  const signedWith = damage === "other key" ? secrets[kid === "r1" ? "r2" : "r1"] : secrets[kid];
  const tag = createHmac("sha256", signedWith).update(input).digest();
  if (damage === "signature") tag[31] = (tag[31] ?? 0) ^ 1;
  return `Bearer ${input}.${tag.toString("base64url")}`;
}

describe("the states kept of a token's first blocks", () => {
  it("change no judgement: each token of a row is judged as if it came alone", () => {
    fc.assert(
      fc.property(tokens, (row) => {
        for (const token of row) {
          gateway.write({ credentials: [tokenOf(token)] });
          const reason = gateway.core.token_verify(0, 0, nowMs);
          expect(reason).toBe(token.damage === "none" ? abi.REASON_NONE : abi.REASON_SIGNATURE_INVALID);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("are left behind with the policy: the same bytes under a new key of the same kid", async () => {
    const own = new TestGateway(newCore(), (await compileText(policy)).image);
    const credentials = [tokenOf({ kid: "r1", shared: 300, own: "", damage: "none" })];
    own.write({ credentials });
    expect(own.core.token_verify(0, 0, nowMs)).toBe(abi.REASON_NONE);
    expect(loadImage(own.core, (await compileText(policy.replace("env:OLD", "env:ELSE"), 2)).image, 1)).toBe(abi.LOAD_OK);
    own.core.image_activate(1);
    own.write({ credentials });
    expect(own.core.token_verify(0, 0, nowMs)).toBe(abi.REASON_SIGNATURE_INVALID);
  });
});
