import * as abi from "../../wasm/abi.ts";
import { claimKey } from "./claim-key.ts";
import type { ImageWriter } from "./image-writer.ts";
import type { CwtAuthenticator } from "./schema.ts";

const algorithmCodes: Readonly<Record<CwtAuthenticator["algorithms"][number], number>> = {
  "HMAC 256/64": abi.ALG_HMAC_256_64,
  "HMAC 256/256": abi.ALG_HMAC_256_256,
  ES256: abi.ALG_ES256,
  EdDSA: abi.ALG_EDDSA,
};

/** What sets a CWT's record apart; its keys are written as a JWT's. */
export function writeCwt(writer: ImageWriter, view: DataView, cwt: CwtAuthenticator): void {
  const audiences = writer.list(cwt.audience.map((audience) => writer.string(audience)));
  const scopes = cwt.derive?.scopes ?? [];
  const derived = cwt.derive === undefined ? 0 : abi.AUTH_DERIVED;
  view.setUint32(abi.AUTH_TYPE, abi.AUTH_CWT, true);
  view.setInt32(abi.AUTH_ISSUER, writer.string(cwt.issuer ?? null), true);
  view.setUint32(abi.AUTH_AUDIENCES_FIRST, audiences.first, true);
  view.setUint32(abi.AUTH_AUDIENCES_COUNT, audiences.count, true);
  view.setUint32(
    abi.AUTH_ALGORITHMS,
    cwt.algorithms.reduce((bits, algorithm) => bits | (1 << algorithmCodes[algorithm]), 0),
    true,
  );
  view.setUint32(abi.AUTH_TOLERANCE_S, Math.ceil(cwt.clockTolerance / 1000), true);
  view.setUint32(abi.AUTH_FLAGS, derived | (cwt.requireExp ? 0 : abi.AUTH_EXPIRY_OPTIONAL), true);
  view.setInt32(abi.AUTH_FIRMWARE, writer.string(cwt.firmware === undefined ? null : claimKey(cwt.firmware)), true);
  view.setInt32(abi.AUTH_SCOPES, writer.string(scopes.length === 0 ? null : scopes.join(" ")), true);
}
