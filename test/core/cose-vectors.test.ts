import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { compile } from "../../worker/policy/compile.ts";
import { parsePolicy } from "../../worker/policy/parse.ts";
import { newCore, sealImage, TestGateway } from "./core-fixture.ts";
import { base64url, type CwtCore, fromHex } from "./cwt-fixture.ts";

// RFC 8392 appendix A.2.2: the key of its MACed tokens.
const RFC_KEY = "403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388";
// RFC 8392 appendix A.4, as published: tagged 61 and 17. The COSE working group's A_4.json is the same without the 61.
const A4 =
  "d83dd18443a10104a1044c53796d6d65747269633235365850a70175636f61703a2f2f61732e6578616d706c652e636f6d02656572696b77037818636f61703a2f2f6c696768742e6578616d706c652e636f6d041a5612aeb0051a5610d9f0061a5610d9f007420b7148093101ef6d789200";
// Appendix A.7: iat alone, a float.
const A7 = "d18443a10104a1044c53796d6d65747269633235364ba106fb41d584367c20000048b8816f34c0542892";
const validMs = 1_443_944_944_500; // A.7's iat, within A.4's nbf and exp

/** One authenticator for the RFC's tokens, one for the working group's COSE_Mac0 messages. */
async function policyImage(groupKey: string): Promise<Uint8Array> {
  const policy = {
    picket: 1,
    services: [{ name: "a", match: {}, upstream: "binding:A", auth: ["rfc"], operations: ["GET /x"] }],
    authenticators: [
      {
        name: "rfc",
        type: "cwt",
        audience: "coap://light.example.com",
        algorithms: ["HMAC 256/64"],
        keys: [{ secret: "env:RFC", encoding: "hex" }],
        clockTolerance: "0s",
        requireExp: false,
      },
      { name: "group", type: "cwt", audience: "x", keys: [{ secret: "env:GROUP", encoding: "hex" }] },
    ],
  };
  const parsed = await parsePolicy(JSON.stringify(policy), 0);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const secretOf = (ref: string) => (ref === "env:RFC" ? RFC_KEY : groupKey);
  const compiled = await compile(parsed.policy, { version: 1, seed: new Uint8Array(16), secretOf });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.compiled.image;
}

/** The image with its first authenticator accepting tokens for anybody, which no policy can say. */
function withoutAudience(image: Uint8Array): Uint8Array {
  const view = new DataView(image.buffer);
  const first = view.getUint32(abi.HEADER_SECTIONS + abi.SECTION_AUTHENTICATORS * 8, true);
  view.setUint32(first + abi.AUTH_AUDIENCES_COUNT, 0, true);
  return sealImage(image);
}

class Judge {
  readonly #gateway: TestGateway;
  constructor(image: Uint8Array) {
    this.#gateway = new TestGateway(newCore(), image);
  }
  /** Reason and principal of a token that asks for /x. */
  decide(hex: string, nowMs = validMs): [number, string] {
    const { reason } = this.#gateway.decide({ path: "/x", credentials: [`Bearer ${base64url(fromHex(hex))}`], nowMs });
    return [reason, this.#gateway.verdict.principal];
  }
  /** Reason of the message by its tag alone. */
  mac0(hex: string, authenticator: number): number {
    this.#gateway.write({ credentials: [`Bearer ${base64url(fromHex(hex))}`] });
    return (this.#gateway.core as CwtCore).cose_verify(0, authenticator);
  }
}

describe("RFC 8392 appendix A", async () => {
  const judge = new Judge(await policyImage(RFC_KEY));

  it("A.4, the MACed CWT, names its subject while it is valid", () => {
    expect(judge.decide(A4)).toEqual([abi.REASON_NONE, "erikw"]);
    expect(judge.decide(A4.slice(4))).toEqual([abi.REASON_NONE, "erikw"]);
    expect(judge.decide(A4.slice(6))).toEqual([abi.REASON_NONE, "erikw"]);
    expect(judge.decide(A4, 1_444_064_944_000 - 1)[0]).toBe(abi.REASON_NONE);
    expect(judge.decide(A4, 1_444_064_944_000)[0]).toBe(abi.REASON_TOKEN_EXPIRED);
    expect(judge.decide(A4, 1_443_944_944_000 - 1)[0]).toBe(abi.REASON_TOKEN_NOT_YET_VALID);
  });

  it("A.7, with a time that is a float, is good; a policy's audience it does not name", async () => {
    expect(judge.mac0(A7, 0)).toBe(abi.REASON_NONE);
    expect(judge.decide(A7)[0]).toBe(abi.REASON_AUDIENCE_MISMATCH);
    expect(new Judge(withoutAudience(await policyImage(RFC_KEY))).decide(A7)).toEqual([abi.REASON_NONE, ""]);
  });

  it("is refused with any of its bits flipped, but in the unprotected header, which the tag does not cover", () => {
    const bytes = fromHex(A4);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const at = bit >> 3;
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7));
      const accepted = judge.decide(Buffer.from(flipped).toString("hex"))[0] === abi.REASON_NONE;
      if (at === 9) continue; // the kid's label: as another parameter it means nothing
      expect([bit, accepted]).toEqual([bit, at >= 11 && at < 23]); // the kid; this authenticator's key is for any
    }
  });
});

const folder = join(process.env.PICKET_CORPORA ?? "../shared/corpora", "cose");
if (!existsSync(folder)) process.stderr.write("no corpus cose: 8 messages are not judged\n");
const NONE = abi.REASON_NONE;
const MALFORMED = abi.REASON_TOKEN_MALFORMED;
const REFUSED = abi.REASON_ALGORITHM_REFUSED;

/** What the core answers, and why it is not "accepted". */
const expected: Record<string, [number, string]> = {
  "cwt/A_4": [NONE, ""],
  "cwt/A_7": [NONE, ""],
  "cwt/A_3": [REFUSED, "COSE_Sign1: signatures are not this authenticator's; sign1.test.ts verifies it"],
  "cwt/A_5": [MALFORMED, "COSE_Encrypt0: the gateway decrypts nothing"],
  "cwt/A_6": [MALFORMED, "COSE_Encrypt0: the gateway decrypts nothing"],
  "mac0/mac-pass-01": [
    REFUSED,
    "alg is not protected: it could be swapped for a weaker one (RFC 9053 §2 leaves it to the application)",
  ],
  "mac0/mac-pass-02": [REFUSED, "alg is not protected, and there is external data, of which a bearer token has none"],
  "mac0/mac-pass-03": [REFUSED, "alg is not protected; without the tag 17, which is accepted"],
};

describe("the COSE working group's examples", async () => {
  it.skipIf(!existsSync(folder))("are all accepted, but for those with a reason", async () => {
    for (const [name, [reason]] of Object.entries(expected)) {
      const text = readFileSync(join(folder, `${name}.json`), "utf8");
      const example = JSON.parse(text) as { intermediates: { CEK_hex?: string }; output: { cbor: string } };
      const judge = new Judge(await policyImage(example.intermediates.CEK_hex?.padEnd(64, "0") ?? RFC_KEY));
      expect([name, judge.mac0(example.output.cbor, name.startsWith("cwt") ? 0 : 1)]).toEqual([name, reason]);
    }
  });

  it("HMAC-SHA-256 with alg moved into the protected header is the core's own", async () => {
    // mac-pass-01's key and content; the tag is that of the message as it should have been.
    const key = "849b57219dae48de646d07dbb533566e976686457c1491be3a76dcea6c427188";
    const { cwtBytes } = await import("./cwt-fixture.ts");
    const message = cwtBytes(Buffer.from("This is the content."), fromHex(key));
    const judge = new Judge(await policyImage(key));
    expect(judge.mac0(Buffer.from(message).toString("hex"), 1)).toBe(NONE);
    expect(judge.mac0(Buffer.from(message).toString("hex"), 0)).toBe(REFUSED);
  });
});
