import { decode } from "cborg";
import * as abi from "../../wasm/abi.ts";

/** A policy image read back by names instead of indices, straight from wasm/abi.ts and without any of the writer's code. */
export interface ReadImage {
  policyVersion: number;
  seed: string;
  services: ReadService[];
  limits: ReadLimit[];
  authenticators: ReadAuthenticator[];
  apiKeys: ReadApiKey[];
}

export interface ReadApiKey {
  digest: string;
  authenticator: number;
  id: string;
  scopes: string | null;
  roles: string[];
  kind: number;
  expiresMs: number;
}

export interface ReadService {
  host: string | null;
  prefix: string;
  undocumentedMode: number;
  failOpen: boolean;
  auths: number[];
  undocumented: ReadOperation;
  /** "GET /a/{}" → what it asks for. */
  routes: Record<string, ReadOperation>;
}

export interface ReadOperation {
  index: number;
  scopes: string[];
  /** Roles that carry each of the scopes. */
  carriers: string[][];
  roles: string[];
  limits: number[];
  /** Segment → the claim's name, or "principal". */
  binds: [segment: number, subject: string][];
}

export interface ReadLimit {
  salt: bigint;
  nameHash: bigint;
  flags: number;
  kind: number;
  counts: number;
  firstContact: number;
  holdS: number;
  intervalUs: number;
  toleranceUs: number;
  /** {KEY_*, the claim's name or another argument}. */
  by: [kind: number, argument: number | string | null][];
  strict: boolean;
  byAddress: boolean;
  burst: number;
}

export interface ReadAuthenticator {
  type: number;
  slot: number;
  issuer: string | null;
  audiences: string[];
  algorithms: number;
  keys: { kid: string | null; inner: string; outer: string }[];
  kind: number;
  toleranceS: number;
  proofAgeS: number;
  claims: string[];
  roles: string[];
  rolesClaim: string | null;
  firmware: string | null;
  flags: number;
  scopes: string | null;
  name: string | null;
}

const methodNames = ["OTHER", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** What a claim's key in CBOR says. */
function claimName(key: Uint8Array): string {
  return String(decode(key, { strict: true }));
}

export function readImage(image: Uint8Array): ReadImage {
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  const u32 = (at: number) => view.getUint32(at, true);
  const i32 = (at: number) => view.getInt32(at, true);
  const f64 = (at: number) => view.getFloat64(at, true);
  const hex = (at: number, length: number) => Buffer.from(image.subarray(at, at + length)).toString("hex");
  const start = (section: number) => u32(abi.HEADER_SECTIONS + section * 8);
  const count = (section: number) => u32(abi.HEADER_SECTIONS + section * 8 + 4);
  const records = <T>(section: number, size: number, read: (at: number) => T): T[] =>
    Array.from({ length: count(section) }, (_, i) => read(start(section) + i * size));
  const text = (offset: number, length: number) =>
    Buffer.from(image.subarray(start(abi.SECTION_BYTES) + offset).subarray(0, length)).toString();
  const string = (index: number): string | null => {
    const at = start(abi.SECTION_STRINGS) + index * 8;
    return index === -1 ? null : text(u32(at), u32(at + 4));
  };
  const bytesOf = (index: number): Uint8Array => {
    const at = start(abi.SECTION_STRINGS) + index * 8;
    return image.slice(start(abi.SECTION_BYTES) + u32(at)).subarray(0, u32(at + 4));
  };
  const refs = (first: number, n: number) => Array.from({ length: n }, (_, i) => i32(start(abi.SECTION_REFS) + (first + i) * 4));
  const strings = (first: number, n: number) => refs(first, n).map((index) => string(index) ?? "(none)");

  if (u32(abi.HEADER_MAGIC) !== abi.IMAGE_MAGIC || u32(abi.HEADER_ABI) !== abi.ABI_VERSION) throw new Error("not an image");
  if (u32(abi.HEADER_LENGTH) !== image.length) throw new Error("another length");

  const bitNames = (bits: number) =>
    Array.from({ length: 32 }, (_, i) => i).flatMap((i) => ((bits >>> i) & 1 ? [roleNames[i] ?? "(none)"] : []));
  const operation = (index: number): ReadOperation => {
    const at = start(abi.SECTION_OPERATIONS) + index * abi.OPERATION_SIZE;
    const scopeCount = u32(at + abi.OPERATION_SCOPES_COUNT);
    return {
      index,
      scopes: strings(u32(at + abi.OPERATION_SCOPES_FIRST), scopeCount),
      carriers: refs(u32(at + abi.OPERATION_CARRIERS_FIRST), scopeCount).map(bitNames),
      roles: bitNames(u32(at + abi.OPERATION_ROLES)),
      limits: refs(u32(at + abi.OPERATION_LIMITS_FIRST), u32(at + abi.OPERATION_LIMITS_COUNT)),
      binds: Array.from({ length: u32(at + abi.OPERATION_BINDS_COUNT) }, (_, i) => {
        const [segment = -1, subject = -2] = refs(u32(at + abi.OPERATION_BINDS_FIRST) + i * 2, 2);
        return [segment, subject === abi.BIND_PRINCIPAL ? "principal" : (authenticators[0]?.claims[subject] ?? "(none)")];
      }),
    };
  };
  const routes = (node: number, path: string, into: Record<string, ReadOperation>): Record<string, ReadOperation> => {
    const at = start(abi.SECTION_NODES) + node * abi.NODE_SIZE;
    const methods = i32(at + abi.NODE_METHODS_FIRST);
    if (methods !== -1) {
      for (const [method, index] of refs(methods, abi.METHOD_COUNT).entries()) {
        if (index !== -1) into[`${methodNames[method]} ${path || "/"}`] = operation(index);
      }
    }
    for (let i = 0; i < u32(at + abi.NODE_EDGES_COUNT); i++) {
      const edge = start(abi.SECTION_EDGES) + (u32(at + abi.NODE_EDGES_FIRST) + i) * abi.EDGE_SIZE;
      routes(u32(edge + abi.EDGE_CHILD), `${path}/${text(u32(edge + abi.EDGE_OFFSET), u32(edge + abi.EDGE_LENGTH))}`, into);
    }
    if (i32(at + abi.NODE_PARAMETER) !== -1) routes(i32(at + abi.NODE_PARAMETER), `${path}/{}`, into);
    if (i32(at + abi.NODE_WILDCARD) !== -1) routes(i32(at + abi.NODE_WILDCARD), `${path}/{+}`, into);
    return into;
  };
  const keys = records(abi.SECTION_HMAC_KEYS, abi.HMAC_KEY_SIZE, (at) => ({
    kid: string(i32(at + abi.HMAC_KEY_KID)),
    inner: hex(at + abi.HMAC_KEY_INNER, 32),
    outer: hex(at + abi.HMAC_KEY_OUTER, 32),
  }));
  const firmwareAt = (at: number) => {
    const name = i32(at + abi.AUTH_FIRMWARE);
    return name !== -1 && u32(at + abi.AUTH_TYPE) === abi.AUTH_CWT ? claimName(bytesOf(name)) : string(name);
  };
  const authenticators = records(abi.SECTION_AUTHENTICATORS, abi.AUTH_SIZE, (at) => ({
    type: u32(at + abi.AUTH_TYPE),
    slot: u32(at + abi.AUTH_SLOT),
    issuer: string(i32(at + abi.AUTH_ISSUER)),
    audiences: strings(u32(at + abi.AUTH_AUDIENCES_FIRST), u32(at + abi.AUTH_AUDIENCES_COUNT)),
    algorithms: u32(at + abi.AUTH_ALGORITHMS),
    keys: keys.slice(u32(at + abi.AUTH_KEYS_FIRST), u32(at + abi.AUTH_KEYS_FIRST) + u32(at + abi.AUTH_KEYS_COUNT)),
    kind: u32(at + abi.AUTH_KIND),
    toleranceS: u32(at + abi.AUTH_TOLERANCE_S),
    proofAgeS: u32(at + abi.AUTH_PROOF_AGE_S),
    claims: strings(u32(at + abi.AUTH_CLAIMS_FIRST), u32(at + abi.AUTH_CLAIMS_COUNT)).map((claim, i) =>
      u32(at + abi.AUTH_TYPE) === abi.AUTH_CWT
        ? claimName(bytesOf(refs(u32(at + abi.AUTH_CLAIMS_FIRST) + i, 1)[0] ?? -1))
        : claim,
    ),
    flags: u32(at + abi.AUTH_FLAGS),
    scopes: string(i32(at + abi.AUTH_SCOPES)),
    name: string(i32(at + abi.AUTH_NAME)),
    roles: strings(u32(at + abi.AUTH_ROLES_FIRST), u32(at + abi.AUTH_ROLES_COUNT)),
    rolesClaim: string(i32(at + abi.AUTH_ROLES_CLAIM)),
    firmware: firmwareAt(at),
    environment: string(i32(at + abi.AUTH_ENVIRONMENT)),
    lookups: u32(at + abi.AUTH_FLAGS) & abi.AUTH_STORED ? f64(at + abi.AUTH_VERIFY_INTERVAL_US) : null,
  }));
  const roleNames = authenticators[0]?.roles ?? [];
  return {
    policyVersion: u32(abi.HEADER_POLICY),
    seed: hex(abi.HEADER_SEED, 16),
    services: records(abi.SECTION_SERVICES, abi.SERVICE_SIZE, (at) => ({
      host: string(i32(at + abi.SERVICE_HOST)),
      prefix: string(i32(at + abi.SERVICE_PREFIX)) ?? "(none)",
      undocumentedMode: u32(at + abi.SERVICE_UNDOCUMENTED_MODE),
      failOpen: (u32(at + abi.SERVICE_FLAGS) & abi.SERVICE_FAIL_OPEN) !== 0,
      auths: refs(u32(at + abi.SERVICE_AUTHS_FIRST), u32(at + abi.SERVICE_AUTHS_COUNT)),
      undocumented: operation(u32(at + abi.SERVICE_UNDOCUMENTED)),
      routes: routes(u32(at + abi.SERVICE_ROOT), "", {}),
    })),
    limits: records(abi.SECTION_LIMITS, abi.LIMIT_SIZE, (at) => ({
      salt: view.getBigUint64(at + abi.LIMIT_SALT, true),
      intervalUs: f64(at + abi.LIMIT_INTERVAL_US),
      toleranceUs: f64(at + abi.LIMIT_TOLERANCE_US),
      by: Array.from({ length: u32(at + abi.LIMIT_PARTS_COUNT) }, (_, i) => {
        const [kind = -1, argument = -1] = refs(u32(at + abi.LIMIT_PARTS_FIRST) + 2 * i, 2);
        return [kind, kind === abi.KEY_CLAIM ? (authenticators[0]?.claims[argument] ?? null) : argument];
      }),
      nameHash: view.getBigUint64(at + abi.LIMIT_NAME_HASH, true),
      flags: u32(at + abi.LIMIT_FLAGS),
      kind: u32(at + abi.LIMIT_KIND),
      counts: u32(at + abi.LIMIT_COUNTS),
      firstContact: u32(at + abi.LIMIT_FIRST_CONTACT),
      holdS: u32(at + abi.LIMIT_HOLD_S),
      strict: (u32(at + abi.LIMIT_FLAGS) & abi.LIMIT_STRICT) !== 0,
      byAddress: (u32(at + abi.LIMIT_FLAGS) & abi.LIMIT_BY_ADDRESS) !== 0,
      burst: u32(at + abi.LIMIT_BURST),
    })),
    authenticators,
    apiKeys: records(abi.SECTION_API_KEYS, abi.API_KEY_SIZE, (at) => ({
      digest: hex(at + abi.API_KEY_DIGEST, 32),
      authenticator: u32(at + abi.API_KEY_AUTHENTICATOR),
      id: string(i32(at + abi.API_KEY_ID)) ?? "(none)",
      scopes: string(i32(at + abi.API_KEY_SCOPES)),
      roles: bitNames(u32(at + abi.API_KEY_ROLES)),
      networks: Buffer.from(i32(at + abi.API_KEY_NETWORKS) < 0 ? [] : bytesOf(i32(at + abi.API_KEY_NETWORKS))).toString("hex"),
      kind: u32(at + abi.API_KEY_KIND),
      expiresMs: f64(at + abi.API_KEY_EXPIRES_MS),
    })),
  };
}
