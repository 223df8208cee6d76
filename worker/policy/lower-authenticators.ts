import * as abi from "../../wasm/abi.ts";
import { algorithms, leastSecretBytes } from "./algorithms.ts";
import { claimKey } from "./claim-key.ts";
import type { VerificationSecret } from "./compiled.ts";
import type { ImageWriter } from "./image-writer.ts";
import { writeCwt } from "./lower-cwt.ts";
import { intervalUs, nameHash } from "./lower-limits.ts";
import { writePossession } from "./lower-possession.ts";
import { hmacMidstates } from "./midstate.ts";
import { networkBytes } from "./network.ts";
import { type Plan, slotOf } from "./plan.ts";
import type { Finding } from "./problem.ts";
import { roleBits } from "./role-bits.ts";
import type { ApiKeyAuthenticator, JwtAuthenticator, Kind } from "./schema.ts";
import { hmacKeyBytes } from "./secret-bytes.ts";
import { type SecretKeyRef, secretKeys } from "./secret-keys.ts";
import { type SecretOf, secretMissing } from "./secrets.ts";

const kindCodes: Readonly<Record<Kind, number>> = {
  user: abi.KIND_USER,
  service: abi.KIND_SERVICE,
  device: abi.KIND_DEVICE,
  agent: abi.KIND_AGENT,
  partner: abi.KIND_PARTNER,
};

/**
 * Writes authenticators and their keys; what is wrong with a secret goes to `findings`. Answers the secrets that the host
 * needs, because the core does not verify their algorithms.
 */
export function writeAuthenticators(
  writer: ImageWriter,
  plan: Plan,
  secretOf: SecretOf,
  findings: Finding[],
): VerificationSecret[] {
  const secrets: VerificationSecret[] = [];
  const claims = writer.list(plan.claims.map((claim) => writer.string(claim)));
  const roles = writer.list(plan.roles.map((role) => writer.string(role)));
  const claimKeys = plan.policy.authenticators.some(({ type }) => type === "cwt")
    ? writer.list(plan.claims.map((claim) => writer.string(claimKey(claim))))
    : claims;
  for (const [index, authenticator] of plan.policy.authenticators.entries()) {
    const { view } = writer.record(abi.SECTION_AUTHENTICATORS);
    view.setUint32(abi.AUTH_SLOT, slotOf(plan, authenticator), true);
    view.setUint32(abi.AUTH_CLAIMS_FIRST, authenticator.type === "cwt" ? claimKeys.first : claims.first, true);
    view.setUint32(abi.AUTH_CLAIMS_COUNT, claims.count, true);
    view.setUint32(abi.AUTH_ROLES_FIRST, roles.first, true);
    view.setUint32(abi.AUTH_ROLES_COUNT, roles.count, true);
    const readsRoles = authenticator.type === "jwt" && plan.roles.length > 0;
    view.setInt32(abi.AUTH_ROLES_CLAIM, writer.string(readsRoles ? authenticator.rolesClaim : null), true);
    view.setInt32(abi.AUTH_ISSUER, -1, true);
    view.setInt32(abi.AUTH_SCOPES, -1, true);
    view.setInt32(abi.AUTH_NAME, writer.string(authenticator.name), true);
    view.setInt32(abi.AUTH_TYP, -1, true);
    view.setInt32(abi.AUTH_ENVIRONMENT, -1, true);
    view.setInt32(abi.AUTH_FIRMWARE, -1, true);
    const path = ["authenticators", index];
    if (authenticator.type !== "api-key") writeVerifications(view, authenticator.name, authenticator.verifications);
    if (authenticator.type === "jwt") {
      writeJwt(writer, view, authenticator);
      const least = Math.max(...authenticator.algorithms.map(leastSecretBytes));
      const keys = readSecrets(secretKeys(authenticator, path), least, secretOf, findings);
      if (authenticator.algorithms.includes("HS256")) writeHmacKeys(writer, view, keys);
      if (authenticator.algorithms.some((name) => name === "HS384" || name === "HS512")) {
        for (const { kid, bytes } of keys) secrets.push({ authenticator: index, kid, key: base64url(bytes) });
      }
    } else if (authenticator.type === "cwt") {
      writeCwt(writer, view, authenticator);
      view.setUint32(abi.AUTH_KIND, kindCodes[authenticator.kind], true);
      writeHmacKeys(writer, view, readSecrets(secretKeys(authenticator, path), CWT_SECRET_BYTES, secretOf, findings));
    } else writeKeyRing(writer, view, authenticator);
    writePossession(view, authenticator);
  }
  writeApiKeys(writer, plan);
  return secrets;
}

function writeJwt(writer: ImageWriter, view: DataView, jwt: JwtAuthenticator): void {
  const audiences = writer.list(jwt.audience.map((audience) => writer.string(audience)));
  view.setUint32(abi.AUTH_TYPE, abi.AUTH_JWT, true);
  view.setInt32(abi.AUTH_ISSUER, writer.string(jwt.issuer), true);
  view.setUint32(abi.AUTH_AUDIENCES_FIRST, audiences.first, true);
  view.setUint32(abi.AUTH_AUDIENCES_COUNT, audiences.count, true);
  view.setUint32(
    abi.AUTH_ALGORITHMS,
    jwt.algorithms.reduce((bits, name) => bits | (1 << algorithms.indexOf(name)), 0),
    true,
  );
  view.setUint32(abi.AUTH_KIND, kindCodes[jwt.kind], true);
  view.setUint32(abi.AUTH_TOLERANCE_S, Math.ceil(jwt.clockTolerance / 1000), true);
  view.setInt32(abi.AUTH_TYP, writer.string(jwt.typ ?? null), true);
  view.setInt32(abi.AUTH_FIRMWARE, writer.string(jwt.firmware ?? null), true);
  view.setUint32(abi.AUTH_FLAGS, jwt.requireExp ? 0 : abi.AUTH_EXPIRY_OPTIONAL, true);
  view.setUint32(abi.AUTH_MAX_AGE_S, Math.floor((jwt.maxAge ?? 0) / 1000), true);
  view.setUint32(abi.AUTH_MAX_LIFETIME_S, Math.floor((jwt.maxLifetime ?? 0) / 1000), true);
}

/** What one address may have the host verify, or look up. */
function writeVerifications(view: DataView, name: string, allowed: JwtAuthenticator["verifications"]): void {
  const interval = intervalUs(allowed);
  view.setFloat64(abi.AUTH_VERIFY_INTERVAL_US, interval, true);
  view.setFloat64(abi.AUTH_VERIFY_TOLERANCE_US, (allowed.burst - 1) * interval, true);
  view.setBigUint64(abi.AUTH_VERIFY_SALT, nameHash(`verifications ${name}`), true); // no limit's name has a blank
}

function writeKeyRing(writer: ImageWriter, view: DataView, ring: ApiKeyAuthenticator): void {
  view.setUint32(abi.AUTH_TYPE, abi.AUTH_API_KEY, true);
  view.setInt32(abi.AUTH_ENVIRONMENT, writer.string(ring.environment ?? null), true);
  if (!ring.stored) return;
  view.setUint32(abi.AUTH_FLAGS, abi.AUTH_STORED, true);
  writeVerifications(view, ring.name, ring.lookups);
}

/** HMAC with SHA-256, whatever is left of its tag (RFC 9053 §3.1). */
const CWT_SECRET_BYTES = 32;

interface SecretKey {
  kid: string | null;
  bytes: Uint8Array;
}

/** What is wrong with a secret goes to `findings`. */
function readSecrets(refs: readonly SecretKeyRef[], least: number, secretOf: SecretOf, findings: Finding[]): SecretKey[] {
  return refs.flatMap(({ kid = null, secret, encoding, at }) => {
    const value = secretOf(secret);
    const key = value === undefined ? secretMissing(secret) : hmacKeyBytes(value, encoding, least);
    if (key.ok) return [{ kid, bytes: key.value }];
    const { code, message, expected } = key;
    const found = value === undefined ? "nothing" : "(hidden)";
    findings.push({ path: at, code, message: `${secret}: ${message}`, expected, found });
    return [];
  });
}

function writeHmacKeys(writer: ImageWriter, auth: DataView, keys: readonly SecretKey[]): void {
  auth.setUint32(abi.AUTH_KEYS_FIRST, writer.count(abi.SECTION_HMAC_KEYS), true);
  auth.setUint32(abi.AUTH_KEYS_COUNT, keys.length, true);
  for (const { kid, bytes } of keys) {
    const { view } = writer.record(abi.SECTION_HMAC_KEYS);
    const { inner, outer } = hmacMidstates(bytes);
    view.setInt32(abi.HMAC_KEY_KID, writer.string(kid), true);
    setBytes(view, abi.HMAC_KEY_INNER, inner);
    setBytes(view, abi.HMAC_KEY_OUTER, outer);
  }
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
}

/** Sorted by digest, then authenticator, for the core's binary search. */
function writeApiKeys(writer: ImageWriter, { policy, roles }: Plan): void {
  const keys = policy.authenticators.flatMap((a, authenticator) =>
    a.type === "api-key" ? a.keys.map((key) => ({ key, authenticator })) : [],
  );
  keys.sort((a, b) => (a.key.sha256 < b.key.sha256 ? -1 : a.key.sha256 > b.key.sha256 ? 1 : a.authenticator - b.authenticator));
  for (const { key, authenticator } of keys) writeApiKey(writer, key, authenticator, roleBits(roles, key.roles));
}

function writeApiKey(writer: ImageWriter, key: ApiKeyAuthenticator["keys"][number], authenticator: number, roles: number): void {
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
  view.setUint32(abi.API_KEY_ROLES, roles, true);
  view.setInt32(abi.API_KEY_NETWORKS, writer.string(key.addresses.length === 0 ? null : networkBytes(key.addresses)), true);
  view.setFloat64(abi.API_KEY_EXPIRES_MS, key.expires ?? 0, true);
}

function setBytes(view: DataView, offset: number, bytes: Uint8Array): void {
  new Uint8Array(view.buffer).set(bytes, offset);
}
