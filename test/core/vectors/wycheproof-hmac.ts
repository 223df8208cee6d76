import * as abi from "../../../wasm/abi.ts";
import { Verifier } from "../../../worker/gateway/verifier.ts";
import { algorithms } from "../../../worker/policy/algorithms.ts";
import type { PolicyMeta } from "../../../worker/policy/compiled.ts";
import { coreHmac } from "../core-hash.ts";
import { noIo } from "../jws-verifier.ts";
import { readCorpus } from "./corpora.ts";
import type { Suite, Vector } from "./suite.ts";

interface Case {
  tcId: number;
  comment: string;
  key: string;
  msg: string;
  tag: string;
  result: "valid" | "invalid";
}

const cut = "the tag is cut: a JWS carries the whole of it (RFC 7518 §3.2)";

type Bits = 256 | 384 | 512;

function read(bits: Bits, judge: (test: Case, tagBits: number) => boolean | Promise<boolean>, mayCut: boolean) {
  const file = readCorpus<{ testGroups: { tagSize: number; tests: Case[] }[] }>(`wycheproof/hmac_sha${bits}_test.json`);
  if (file === null) return null;
  return file.testGroups.flatMap(({ tagSize, tests }) =>
    tests.map((test): Vector => {
      const valid = test.result === "valid";
      const otherwise = valid && tagSize < bits && !mayCut ? cut : undefined;
      return { id: `${test.tcId} ${test.comment}`, valid, judge: () => judge(test, tagSize), otherwise };
    }),
  );
}

function judgeByCore({ key, msg, tag }: Case, tagBits: number): boolean {
  return coreHmac(Buffer.from(key, "hex"), Buffer.from(msg, "hex")).slice(0, tagBits / 4) === tag;
}

const meta = { authenticators: [{ verification: { keys: [], jwks: null } }] } as unknown as PolicyMeta;

/** As the gateway verifies a JWS that HS384 or HS512 signs; the message need not be one. */
async function judgeByVerifier(bits: Bits, { key, msg, tag }: Case): Promise<boolean> {
  const asked = {
    authenticator: 0,
    slot: 0,
    algorithm: algorithms.indexOf(`HS${bits}`),
    kid: null,
    input: Uint8Array.from(Buffer.from(msg, "hex")),
    signature: Uint8Array.from(Buffer.from(tag, "hex")),
  };
  const secrets = [{ authenticator: 0, kid: null, key: Buffer.from(key, "hex").toString("base64url") }];
  return (await new Verifier(noIo).verify(asked, { meta, secrets })) === abi.REASON_NONE;
}

export const wycheproofHmac: readonly Suite[] = [
  { name: "Wycheproof HMAC-SHA-256", by: "core", valid: 66, invalid: 108, read: () => read(256, judgeByCore, true) },
  ...([256, 384, 512] as const).map((bits) => ({
    name: `Wycheproof HMAC-SHA-${bits}`,
    by: "WebCrypto",
    valid: 66,
    invalid: 108,
    read: () => read(bits, (test) => judgeByVerifier(bits, test), false),
  })),
];
