import { expect, it } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { compareWithCborg } from "./cwt-differential.ts";

it("accepts and refuses 20,000 mutated CWTs as cborg and node:crypto do, but for listed exceptions in which it is the stricter", async () => {
  const { accepted, signed, refused, reasons, excepted, unexplained } = await compareWithCborg(20_000, 1);
  expect(unexplained.slice(0, 5)).toEqual([]);
  // The mutations reach every judgement.
  expect(Math.min(accepted, refused)).toBeGreaterThan(2_000);
  expect(signed).toBeGreaterThan(500);
  expect(excepted.size).toBeGreaterThan(0);
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
});
