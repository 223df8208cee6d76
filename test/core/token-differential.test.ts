import { expect, it } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { algorithms } from "../../worker/policy/algorithms.ts";
import { compareWithJose } from "./token-differential.ts";

it("accepts and refuses 20,000 mutated tokens of every algorithm as jose does, but for listed exceptions in which it is the stricter", async () => {
  const { accepted, refused, reasons, excepted, unexplained, ...found } = await compareWithJose(20_000, 1);
  expect(unexplained.slice(0, 5)).toEqual([]);
  // The mutations reach every judgement, and every exception.
  expect(Math.min(accepted, refused)).toBeGreaterThan(3_000);
  expect(excepted.size).toBeGreaterThanOrEqual(11); // not always the twelfth: a signature begins with a zero byte once in 256
  for (const reason of [
    abi.REASON_TOKEN_MALFORMED,
    abi.REASON_CLAIMS_MALFORMED,
    abi.REASON_ALGORITHM_REFUSED,
    abi.REASON_ISSUER_UNKNOWN,
    abi.REASON_KEY_UNKNOWN,
    abi.REASON_SIGNATURE_INVALID,
    abi.REASON_TOKEN_EXPIRED,
    abi.REASON_TOKEN_NOT_YET_VALID,
    abi.REASON_TOKEN_WITHOUT_EXPIRY,
    abi.REASON_AUDIENCE_MISMATCH,
  ]) {
    expect(reasons.get(reason) ?? 0, `reason ${reason}`).toBeGreaterThan(20);
  }
  expect([...found.algorithms.keys()].sort()).toEqual([...algorithms].sort());
  for (const [algorithm, own] of found.algorithms) {
    expect(own.accepted, algorithm).toBeGreaterThan(100);
    expect(own.tokens - own.accepted, algorithm).toBeGreaterThan(100);
  }
  expect(found.verifications).toBeGreaterThan(3_000);
});
