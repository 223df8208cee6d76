import * as abi from "../../wasm/abi.ts";
import type { ImageWriter } from "./image-writer.ts";
import { hmacMidstates } from "./midstate.ts";
import { type Plan, slotOf } from "./plan.ts";
import type { Finding, PolicyPath } from "./problem.ts";
import type { ApiKeyAuthenticator, Authenticator, JwtAuthenticator, Kind } from "./schema.ts";
import { hmacKeyBytes } from "./secret-bytes.ts";
import { type SecretOf, secretMissing } from "./secrets.ts";

const kindCodes: Readonly<Record<Kind, number>> = {
  user: abi.KIND_USER,
  service: abi.KIND_SERVICE,
  device: abi.KIND_DEVICE,
  agent: abi.KIND_AGENT,
  partner: abi.KIND_PARTNER,
};

/** Writes authenticators and their keys; what is wrong with a secret goes to `findings`. */
export function writeAuthenticators(writer: ImageWriter, plan: Plan, secretOf: SecretOf, findings: Finding[]): void {
  const claims = writer.list(plan.claims.map((claim) => writer.string(claim)));
  for (const [index, authenticator] of plan.policy.authenticators.entries()) {
    const { view } = writer.record(abi.SECTION_AUTHENTICATORS);
    view.setUint32(abi.AUTH_SLOT, slotOf(plan, authenticator), true);
    view.setUint32(abi.AUTH_CLAIMS_FIRST, claims.first, true);
    view.setUint32(abi.AUTH_CLAIMS_COUNT, claims.count, true);
    view.setInt32(abi.AUTH_ISSUER, -1, true);
    view.setInt32(abi.AUTH_NAME, writer.string(authenticator.name), true);
    if (authenticator.type === "jwt") {
      writeJwt(writer, view, authenticator);
      writeHmacKeys(writer, authenticator, ["authenticators", index], secretOf, findings);
    } else view.setUint32(abi.AUTH_TYPE, abi.AUTH_API_KEY, true);
  }
  writeApiKeys(writer, plan.policy.authenticators);
}

function writeJwt(writer: ImageWriter, view: DataView, jwt: JwtAuthenticator): void {
  const audiences = writer.list(jwt.audience.map((audience) => writer.string(audience)));
  view.setUint32(abi.AUTH_TYPE, abi.AUTH_JWT, true);
  view.setInt32(abi.AUTH_ISSUER, writer.string(jwt.issuer), true);
  view.setUint32(abi.AUTH_AUDIENCES_FIRST, audiences.first, true);
  view.setUint32(abi.AUTH_AUDIENCES_COUNT, audiences.count, true);
  view.setUint32(abi.AUTH_ALGORITHMS, 1 << abi.ALG_HS256, true);
  view.setUint32(abi.AUTH_KEYS_FIRST, writer.count(abi.SECTION_HMAC_KEYS), true);
  view.setUint32(abi.AUTH_KEYS_COUNT, jwt.keys.length, true);
  view.setUint32(abi.AUTH_KIND, kindCodes[jwt.kind], true);
  view.setUint32(abi.AUTH_TOLERANCE_S, Math.ceil(jwt.clockTolerance / 1000), true);
}

function writeHmacKeys(
  writer: ImageWriter,
  jwt: JwtAuthenticator,
  path: PolicyPath,
  secretOf: SecretOf,
  findings: Finding[],
): void {
  for (const [i, { kid, secret, encoding }] of jwt.keys.entries()) {
    const at = [...path, "keys", i, "secret"];
    const value = secretOf(secret);
    const key = value === undefined ? secretMissing(secret) : hmacKeyBytes(value, encoding);
    if (!key.ok) {
      const { code, message, expected } = key;
      findings.push({
        path: at,
        code,
        message: `${secret}: ${message}`,
        expected,
        found: value === undefined ? "nothing" : "(hidden)",
      });
      continue;
    }
    const { view } = writer.record(abi.SECTION_HMAC_KEYS);
    const { inner, outer } = hmacMidstates(key.value);
    view.setInt32(abi.HMAC_KEY_KID, writer.string(kid ?? null), true);
    setBytes(view, abi.HMAC_KEY_INNER, inner);
    setBytes(view, abi.HMAC_KEY_OUTER, outer);
  }
}

/** Sorted by digest, then authenticator, for the core's binary search. */
function writeApiKeys(writer: ImageWriter, authenticators: readonly Authenticator[]): void {
  const keys = authenticators.flatMap((a, authenticator) =>
    a.type === "api-key" ? a.keys.map((key) => ({ key, authenticator })) : [],
  );
  keys.sort((a, b) => (a.key.sha256 < b.key.sha256 ? -1 : a.key.sha256 > b.key.sha256 ? 1 : a.authenticator - b.authenticator));
  for (const { key, authenticator } of keys) writeApiKey(writer, key, authenticator);
}

function writeApiKey(writer: ImageWriter, key: ApiKeyAuthenticator["keys"][number], authenticator: number): void {
  const { view } = writer.record(abi.SECTION_API_KEYS);
  setBytes(
    view,
    abi.API_KEY_DIGEST,
    Uint8Array.from(key.sha256.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)),
  );
  view.setUint32(abi.API_KEY_AUTHENTICATOR, authenticator, true);
  view.setInt32(abi.API_KEY_ID, writer.string(key.id), true);
  view.setInt32(abi.API_KEY_SCOPES, writer.string(key.scopes.length === 0 ? null : key.scopes.join(" ")), true);
  view.setUint32(abi.API_KEY_KIND, kindCodes[key.kind], true);
  view.setFloat64(abi.API_KEY_EXPIRES_MS, key.expires ?? 0, true);
}

function setBytes(view: DataView, offset: number, bytes: Uint8Array): void {
  new Uint8Array(view.buffer).set(bytes, offset);
}
