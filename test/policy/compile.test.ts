import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { compile } from "../../worker/policy/compile.ts";
import type { CompiledPolicy } from "../../worker/policy/compiled.ts";
import { imageChecksum } from "../../worker/policy/image-writer.ts";
import { hmacMidstates } from "../../worker/policy/midstate.ts";
import { parsePolicy } from "../../worker/policy/parse.ts";
import { type ReadImage, type ReadOperation, readImage } from "./image-reader.ts";
import { type Loose, plainPolicy, put, testSecret } from "./policies.ts";
import { randomPolicy } from "./random-policy.ts";

/** SHA-256 of the example policy's image: it changes with the policy, the compiler or the format, and then on purpose. */
const GOLDEN = "f084fda440eeda909210adea7bea4b62caed53d1f462259fe7733aa758295d12";
const seed = Uint8Array.from({ length: 16 }, (_, i) => i);

async function compiled(
  policy: Loose,
  secretOf = (ref: string): string | undefined => testSecret + ref,
): Promise<CompiledPolicy> {
  const parsed = await parsePolicy(JSON.stringify(policy), 0);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const result = await compile(parsed.policy, { version: 7, seed, secretOf });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.compiled;
}

test("the same policy gives the same bytes: the example's are known", async () => {
  const text = readFileSync(new URL("../../cli/example/policy.yaml", import.meta.url), "utf8");
  const parsed = await parsePolicy(text, 0);
  expect(parsed).toMatchObject({ ok: true, warnings: [] });
  if (!parsed.ok) return;
  const digests = [];
  for (let i = 0; i < 2; i++) {
    const result = await compile(parsed.policy, { version: 1, seed, secretOf: () => testSecret });
    if (result.ok) digests.push(createHash("sha256").update(result.compiled.image).digest("hex"));
  }
  expect(digests).toEqual([GOLDEN, GOLDEN]);
});

test("sections follow each other at multiples of 8, and the checksum covers them", async () => {
  const { image } = await compiled(plainPolicy());
  const view = new DataView(image.buffer);
  const sizes = [
    abi.SERVICE_SIZE,
    abi.NODE_SIZE,
    abi.EDGE_SIZE,
    abi.OPERATION_SIZE,
    abi.LIMIT_SIZE,
    abi.AUTH_SIZE,
    abi.HMAC_KEY_SIZE,
    abi.API_KEY_SIZE,
    8,
    4,
    1,
  ];
  let end = abi.IMAGE_HEADER;
  for (const [section, size] of sizes.entries()) {
    const offset = view.getUint32(abi.HEADER_SECTIONS + section * 8, true);
    expect(offset % 8).toBe(0);
    expect(offset).toBeGreaterThanOrEqual(end);
    end = offset + view.getUint32(abi.HEADER_SECTIONS + section * 8 + 4, true) * size;
  }
  expect(end).toBeLessThanOrEqual(image.length);
  expect(view.getUint32(abi.HEADER_CHECKSUM, true)).toBe(imageChecksum(image));
  for (const at of [abi.IMAGE_HEADER, image.length - 1, abi.HEADER_SECTIONS, abi.IMAGE_HEADER - 1]) {
    const changed = image.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(imageChecksum(changed)).not.toBe(imageChecksum(image));
  }
});

test("a limit's T is rounded up, and its burst is the rate's count up to 100 where none is said", async () => {
  const policy = plainPolicy();
  put(policy, "limits", [
    { name: "per-principal", by: "principal", rate: "7/1s" },
    { name: "per-device", by: "address", rate: "600/1m" },
  ]);
  const { image, meta } = await compiled(policy);
  const [seven, many] = readImage(image).limits;
  expect(seven).toMatchObject({ intervalUs: 142_858, toleranceUs: 6 * 142_858, burst: 7 });
  expect(many).toMatchObject({ intervalUs: 100_000, toleranceUs: 99 * 100_000, burst: 100 });
  expect(meta.limits[0]).toEqual({
    name: "per-principal",
    window: 0,
    by: ["principal"],
    kind: "rate",
    counts: "requests",
    rate: 7,
    windowSeconds: 1,
    burst: 7,
    quota: null,
    scope: "isolate",
    strict: false,
    whenAway: "local",
    penalty: null,
    mode: "enforce",
    announce: "refusals",
  });
});

test("each window of a limit is a record under the limit's name, and finds its counts again in another list", async () => {
  const policy = plainPolicy();
  const limits = (rate: unknown) => [
    { name: "per-principal", by: "principal", rate },
    { name: "per-device", by: "address", rate: "1/1s" },
  ];
  put(policy, "limits", limits(["10/1s", { rate: "600/1m", burst: 30 }]));
  const both = await compiled(policy);
  put(policy, "limits", limits(["600/1m", "5000/1d"]));
  const others = readImage((await compiled(policy)).image).limits;
  const [second, minute] = readImage(both.image).limits;
  expect([second?.burst, minute?.burst]).toEqual([10, 30]);
  expect(second?.nameHash).toBe(minute?.nameHash);
  expect(second?.salt).not.toBe(minute?.salt);
  expect(others[0]?.salt).toBe(minute?.salt);
  expect(both.meta.limits.map(({ name, window, windowSeconds }) => [name, window, windowSeconds])).toEqual([
    ["per-principal", 0, 1],
    ["per-principal", 1, 60],
    ["per-device", 0, 1],
  ]);
});

test("a penalty is a flag in the image, and its terms are told to the host", async () => {
  const policy = plainPolicy();
  put(policy, "limits", [
    { name: "per-principal", by: "principal", rate: "9/1s", penalty: { after: 3, block: "2m" } },
    { name: "per-device", by: "address", rate: "1/1s" },
  ]);
  const { image, meta } = await compiled(policy);
  expect(readImage(image).limits.map(({ flags }) => flags)).toEqual([abi.LIMIT_PENALTY, abi.LIMIT_BY_ADDRESS]);
  expect(meta.limits[0]?.penalty).toEqual({ after: 3, within: 60_000, block: 120_000, most: 3_600_000 });
});

test("operation 0 and each service's stand-in are named for the host", async () => {
  const { meta, version } = await compiled(plainPolicy());
  expect(version).toBe(7);
  expect(meta.operations.slice(0, 3)).toEqual([
    { service: -1, method: "*", template: "(no service)", scopes: [], roles: [] },
    { service: 0, method: "*", template: "(undocumented)", scopes: [], roles: [] },
    { service: 0, method: "GET", template: "/fleet/devices/{deviceId}", scopes: [], roles: [] },
  ]);
  expect(JSON.parse(JSON.stringify(meta))).toEqual(meta);
});

test("who answers for an authenticator and for each of its keys is told to the host, and is no part of the image", async () => {
  const policy = plainPolicy();
  const key = { id: "acme", sha256: "ab".repeat(32), owner: "partner desk" };
  const add = (owner: string) =>
    put(policy, "authenticators[1]", {
      name: "partner-keys",
      type: "api-key",
      owner,
      keys: [key, { id: "other", sha256: "cd".repeat(32) }],
    });
  add("supply-team");
  const { image, meta } = await compiled(policy);
  expect(meta.authenticators.map(({ owner }) => owner)).toEqual(["", "supply-team"]);
  expect(meta.authenticators[1]?.keys).toEqual([
    { id: "acme", owner: "partner desk" },
    { id: "other", owner: "" },
  ]);
  add("somebody else");
  expect((await compiled(policy)).image).toEqual(image);
});

describe("secrets", () => {
  const withSecret = async (value: string | Uint8Array | undefined, encoding?: string) => {
    const policy = plainPolicy();
    put(policy, "authenticators[0].keys[0].encoding", encoding);
    const parsed = await parsePolicy(JSON.stringify(policy, null, 2), 0);
    if (!parsed.ok) throw new Error("the policy is good");
    return compile(parsed.policy, { version: 1, seed, secretOf: () => value, locate: parsed.locate });
  };
  const raw = Buffer.from(testSecret);

  test.each([
    ["nothing", undefined, "utf8", "secret_missing"],
    ["31 bytes", "x".repeat(31), "utf8", "secret_too_short"],
    ["31 bytes in hex", "ab".repeat(31), "hex", "secret_too_short"],
    ["an odd number of hex digits", "a".repeat(65), "hex", "secret_malformed"],
    ["base64 with +", `+${"a".repeat(50)}`, "base64url", "secret_malformed"],
    ["text that was not UTF-8", `\ufffd${"a".repeat(50)}`, "utf8", "secret_malformed"],
  ])("%s is a problem with a place, without the value", async (_, value, encoding, code) => {
    const result = await withSecret(value, encoding);
    expect(result).toMatchObject({ ok: false, problems: [{ code, path: "authenticators[0].keys[0].secret" }] });
    if (!result.ok) expect(result.problems[0]?.line).toBeGreaterThan(0);
    if (value !== undefined) expect(JSON.stringify(result)).not.toContain(value);
  });

  test("every encoding of one secret gives one image", async () => {
    const images = await Promise.all([
      withSecret(testSecret),
      withSecret(new Uint8Array(raw)),
      withSecret(raw.toString("base64url"), "base64url"),
      withSecret(raw.toString("hex"), "hex"),
    ]);
    const [first, ...others] = images.map((result) =>
      result.ok ? Buffer.from(result.compiled.image).toString("hex") : "failed",
    );
    expect(first).not.toBe("failed");
    expect(new Set(others)).toEqual(new Set([first]));
  });
});

test("an image that does not fit its slot is one clear problem", async () => {
  const policy = plainPolicy();
  put(policy, "services[0].operations[0]", { method: "GET", path: "/fleet", limits: ["per-device"] });
  for (let i = 1; i <= 1100; i++) put(policy, `services[0].operations[${i}]`, `GET /fleet/${i}${"/a".repeat(60)}`);
  const parsed = await parsePolicy(JSON.stringify(policy), 0);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const result = await compile(parsed.policy, { version: 1, seed, secretOf: () => testSecret });
  expect(result).toMatchObject({ ok: false, problems: [{ code: "image_too_large", path: "" }] });
});

test("read back by its own layout, an image says what the policy said", async () => {
  await fc.assert(
    fc.asyncProperty(randomPolicy, async (policy) => {
      const { image, meta } = await compiled(policy);
      const read = readImage(image);
      expect(meta.operations.length).toBe(1 + read.services.reduce((sum, { routes }) => sum + 1 + Object.keys(routes).length, 0));
      expect(summary(read)).toEqual(expectedImage(policy));
    }),
    { numRuns: 300 },
  );
});

/** The image's own indices are checked by what they lead to; a route's index is the compiler's to choose. */
function summary({ services, ...rest }: ReadImage) {
  const asks = ({ index: _, ...rest }: ReadOperation) => rest;
  return {
    ...rest,
    services: services.map(({ routes, undocumented, ...service }) => ({
      ...service,
      undocumented: asks(undocumented),
      routes: Object.fromEntries(Object.entries(routes).map(([route, operation]) => [route, asks(operation)])),
    })),
  };
}

const kindCodes: Loose = {
  user: abi.KIND_USER,
  service: abi.KIND_SERVICE,
  device: abi.KIND_DEVICE,
  agent: abi.KIND_AGENT,
  partner: abi.KIND_PARTNER,
};
const keyCodes: Loose = {
  principal: abi.KEY_PRINCIPAL,
  address: abi.KEY_ADDRESS,
  operation: abi.KEY_OPERATION,
  service: abi.KEY_SERVICE,
  credential: abi.KEY_CREDENTIAL,
  network: abi.KEY_NETWORK,
  asn: abi.KEY_ASN,
  country: abi.KEY_COUNTRY,
};
const toleranceSeconds: Loose = { "0s": 0, "30s": 30, "1500ms": 2, "5m": 300 };

/** The same, straight from the policy as it was written. */
function expectedImage(policy: Loose) {
  const limitNames = policy.limits.map((limit: Loose) => limit.name);
  const authNames = policy.authenticators.map((one: Loose) => one.name);
  const claims = [
    ...new Set(
      [...policy.limits.flatMap(({ by }: Loose) => by), ...policy.services.flatMap(bindSubjects)].flatMap((by: string) =>
        by.startsWith("claim:") ? [by.slice(6)] : [],
      ),
    ),
  ] as string[];
  const headers = [...new Set(["authorization", ...policy.authenticators.map(headerOf)])];
  const counted = [
    ...new Set(
      policy.limits
        .flatMap(({ by }: Loose) => by)
        .flatMap((by: string) => (by.startsWith("header:") ? [by.slice(7).toLowerCase()] : [])),
    ),
  ] as string[];
  const services = [...policy.services].sort(
    (a, b) =>
      Number(b.match.host !== undefined) - Number(a.match.host !== undefined) ||
      b.match.path.length - a.match.path.length ||
      (a.name < b.name ? -1 : 1),
  );
  return {
    policyVersion: 7,
    seed: Buffer.from(seed).toString("hex"),
    services: services.map((service: Loose) => ({
      host: service.match.host?.toLowerCase() ?? null,
      prefix: service.match.path,
      undocumentedMode: ["allow", "report", "refuse"].indexOf(service.undocumented ?? "report"),
      failOpen: service.failMode === "open",
      auths: service.auth.map((name: string) => authNames.indexOf(name)),
      undocumented: {
        scopes: [],
        carriers: [],
        roles: [],
        binds: [],
        limits: service.limits.map((name: string) => limitNames.indexOf(name)),
      },
      routes: Object.fromEntries(
        service.operations.map((operation: Loose | string) =>
          expectedRoute(operation, service, limitNames, policy.roles ?? {}, authNames.length > 0),
        ),
      ),
    })),
    limits: policy.limits.map((limit: Loose) => expectedLimit(limit, authNames.length > 0, counted)),
    authenticators: policy.authenticators.map((one: Loose) => ({
      type: { jwt: abi.AUTH_JWT, cwt: abi.AUTH_CWT, "api-key": abi.AUTH_API_KEY }[one.type as "jwt"],
      slot: headers.indexOf(headerOf(one)),
      issuer: one.issuer ?? null,
      audiences: [one.audience ?? []].flat(),
      algorithms: expectedAlgorithms(one),
      keys: hmacKeys(one).map((key: Loose) => ({ kid: key.kid ?? null, ...midstates(testSecret + key.secret) })),
      kind: one.type === "api-key" ? 0 : kindCodes[one.kind ?? (one.type === "jwt" ? "user" : "device")],
      toleranceS: one.type === "api-key" ? 0 : toleranceSeconds[one.clockTolerance ?? "30s"],
      claims,
      roles: Object.keys(policy.roles ?? {}),
      rolesClaim: one.type === "jwt" && Object.keys(policy.roles ?? {}).length > 0 ? (one.rolesClaim ?? "roles") : null,
      firmware: one.firmware?.slice("claim:".length) ?? null,
      flags:
        (one.derive ? abi.AUTH_DERIVED : 0) |
        (one.requireExp === false ? abi.AUTH_EXPIRY_OPTIONAL : 0) |
        (one.stored ? abi.AUTH_STORED : 0) |
        possessionFlags(one),
      proofAgeS: one.dpop ? { "60s": 60, "1500ms": 1 }[(one.dpopMaxAge as "60s") ?? "60s"] : 0,
      scopes: one.derive?.scopes?.join(" ") ?? null,
      name: one.name,
      environment: one.environment ?? null,
      lookups: one.stored ? (one.lookups ? 100_000 : 20_000) : null,
    })),
    apiKeys: policy.authenticators
      .flatMap((one: Loose, authenticator: number) =>
        one.type === "api-key"
          ? one.keys.map((key: Loose) => expectedKey(key, authenticator, Object.keys(policy.roles ?? {})))
          : [],
      )
      .sort((a: Loose, b: Loose) => (a.digest < b.digest ? -1 : a.digest > b.digest ? 1 : a.authenticator - b.authenticator)),
  };
}

function possessionFlags({ dpop, dpopNonce, boundTo }: Loose): number {
  const bound = boundTo === "mtls" ? abi.AUTH_MTLS : 0;
  if (!dpop) return bound;
  return bound | abi.AUTH_DPOP | (dpop === "required" ? abi.AUTH_DPOP_REQUIRED : 0) | (dpopNonce ? abi.AUTH_DPOP_NONCE : 0);
}

function headerOf(one: Loose): string {
  return (one.header ?? (one.type === "api-key" ? "X-Api-Key" : "Authorization")).toLowerCase();
}

function expectedAlgorithms(one: Loose): number {
  const bits: Record<string, number> = { "HMAC 256/64": 1 << 24, "HMAC 256/256": 1 << 25, ES256: 1 << 9 };
  if (one.type === "jwt") return 1;
  const names: string[] = one.algorithms ?? ["HMAC 256/256"];
  return one.type === "cwt" ? names.reduce((sum, name) => sum + (bits[name] ?? 0), 0) : 0;
}

/** Keys as records: a CWT's secret for derived keys is one without a kid. */
function hmacKeys(one: Loose): Loose[] {
  if (one.type === "api-key") return [];
  return one.derive ? [{ secret: one.derive.secret }] : one.keys.filter((key: Loose) => key.secret !== undefined);
}

function expectedRoute(
  operation: Loose | string,
  service: Loose,
  limitNames: string[],
  roles: Record<string, string[]>,
  rolesShown: boolean,
): [string, Omit<ReadOperation, "index">] {
  const [method, path] = typeof operation === "string" ? operation.split(" ") : [operation.method, operation.path];
  const own: Loose = typeof operation === "string" ? { scopes: [], roles: [], limits: [] } : operation;
  const limits = [...service.limits, ...own.limits].map((name: string) => limitNames.indexOf(name));
  const named = (roleNames: string[]) => roleNames.map((role) => (rolesShown ? role : "(none)"));
  const inOrder = (names: string[]) => named(Object.keys(roles).filter((role) => names.includes(role)));
  const carriers = own.scopes.map((scope: string) => named(Object.keys(roles).filter((role) => roles[role]?.includes(scope))));
  const binds = path
    .slice(1)
    .split("/")
    .flatMap((part: string, segment: number) => {
      const by = own.bind?.[part.slice(1, -1)];
      return by === undefined || !part.startsWith("{") ? [] : [[segment, by.replace("claim:", "")]];
    });
  const shape = path.replace(/\{\w+\}/g, "{}").replace(/\{\w+\+\}/, "{+}");
  return [`${method} ${shape}`, { scopes: own.scopes, carriers, roles: inOrder(own.roles), limits, binds }];
}

function bindSubjects({ operations }: Loose): string[] {
  return operations.flatMap((operation: Loose | string) =>
    typeof operation === "string" ? [] : Object.values(operation.bind ?? {}),
  );
}

function expectedLimit(limit: Loose, claimsShown: boolean, headers: string[]) {
  const [, count, amount, unit] = /^(\d+)\/(\d+)(.)$/.exec(limit.rate) ?? [];
  const windowUs = Number(amount) * { s: 1e6, m: 6e7, h: 3.6e9, d: 8.64e10 }[unit as "s"];
  const intervalUs = Math.ceil(windowUs / Number(count));
  const burst = limit.burst ?? Math.min(Number(count), 100);
  const parts: string[] = [limit.by].flat();
  const salt = [...limit.name].reduce(
    (hash, c) => BigInt.asUintN(64, (hash ^ BigInt(c.charCodeAt(0))) * 1099511628211n),
    14695981039346656037n,
  );
  return {
    salt,
    intervalUs,
    toleranceUs: (burst - 1) * intervalUs,
    by: parts.map((part) => {
      if (part.startsWith("claim:")) return [abi.KEY_CLAIM, claimsShown ? part.slice(6) : null];
      return part.startsWith("header:") ? [abi.KEY_HEADER, headers.indexOf(part.slice(7).toLowerCase())] : [keyCodes[part], -1];
    }),
    nameHash: salt,
    flags: expect.any(Number),
    kind: abi.LIMIT_RATE,
    counts: abi.COUNT_REQUESTS,
    firstContact: 0,
    holdS: 0,
    strict: limit.strict ?? false,
    byAddress:
      parts.some((part) => part === "address" || part === "network") &&
      parts.every((part) => ["address", "network", "asn", "country", "operation", "service"].includes(part)),
    burst,
  };
}

const networks: Record<string, string> = {
  "192.0.2.0/24": "00000000000000000000ffffc000020078",
  "2001:db8::/32": "20010db800000000000000000000000020",
  "198.51.100.7": "00000000000000000000ffffc633640780",
};

function expectedKey(key: Loose, authenticator: number, roles: string[]) {
  const scopes = (key.scopes ?? []).join(" ");
  const expiresMs = key.expires === undefined ? 0 : Date.parse(key.expires);
  return {
    digest: key.sha256,
    authenticator,
    id: key.id,
    scopes: scopes === "" ? null : scopes,
    roles: roles.filter((role) => key.roles?.includes(role)),
    kind: kindCodes[key.kind ?? "service"],
    networks: (key.addresses ?? []).map((address: string) => networks[address]).join(""),
    expiresMs,
  };
}

/** Compared by what they do, in midstate.test.ts; here they only have to be this key's. */
function midstates(secret: string) {
  const { inner, outer } = hmacMidstates(new TextEncoder().encode(secret));
  return { inner: Buffer.from(inner).toString("hex"), outer: Buffer.from(outer).toString("hex") };
}
