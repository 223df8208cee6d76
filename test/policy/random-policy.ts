import fc from "fast-check";
import type { Loose } from "./policies.ts";

const literals = ["a", "b", "devices", "v1", "A.b~c", "x=1,2", "a@b:c"];
const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const kinds = ["user", "service", "device", "agent", "partner"];
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

/** Path behind a prefix: literals, parameters, a wildcard or a slash at the end. */
const tail = fc
  .tuple(fc.array(fc.constantFrom(...literals, "{}"), { maxLength: 4 }), fc.constantFrom("", "", "{+}", "/"))
  .map(([parts, end]) => {
    const named = parts.map((part, i) => (part === "{}" ? `/{p${i}}` : `/${part}`)).join("");
    return named + (end === "{+}" ? "/{rest+}" : end);
  });

const claimName = fc.constantFrom("dev", "-70001", "8", "tenant", "https://example/plan");
const countedBy = fc.oneof(
  fc.constantFrom("principal", "credential", "address", "network", "asn", "country", "operation", "service"),
  claimName.map((name) => `claim:${name}`),
  fc.constantFrom("header:X-Tenant", "header:x-plan"),
);
const limit = fc.record({
  by: fc.oneof(countedBy, fc.uniqueArray(countedBy, { minLength: 1, maxLength: 4 })),
  rate: fc
    .tuple(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 1, max: 30 }), fc.constantFrom("s", "m", "h", "d"))
    .map(([n, w, u]) => `${n}/${w}${u}`),
  burst: maybe(fc.integer({ min: 1, max: 12 })),
  strict: maybe(fc.boolean()),
});

const proofs = fc.option(
  fc.record({
    dpop: fc.constantFrom("required", "allowed"),
    dpopMaxAge: maybe(fc.constantFrom("60s", "1500ms")),
    dpopNonce: maybe(fc.boolean()),
  }),
  { nil: {} },
);
const plainJwt = fc.record({
  type: fc.constant("jwt"),
  issuer: fc.constantFrom("https://id.example", "urn:é"),
  audience: fc.oneof(fc.constant("one"), fc.constant(["one", "two"])),
  keys: fc
    .integer({ min: 1, max: 3 })
    .map((n) => Array.from({ length: n }, (_, i) => (i === 0 ? { secret: "env:S0" } : { kid: `k${i}`, secret: `env:S${i}` }))),
  kind: maybe(fc.constantFrom(...kinds)),
  firmware: maybe(fc.constantFrom("claim:fw", "claim:https://example/fw")),
  rolesClaim: maybe(fc.constantFrom("groups", "https://example/roles")),
  clockTolerance: maybe(fc.constantFrom("0s", "30s", "1500ms", "5m")),
  boundTo: maybe(fc.constant("mtls")),
});
const jwt = fc.tuple(plainJwt, proofs).map(([one, more]) => ({ ...one, ...more }));

const roleNames = ["admin", "Ops team", "é"];
const roleScopes = fc.record(
  Object.fromEntries(
    roleNames.map((name) => [name, fc.uniqueArray(fc.constantFrom("r", "w", "x:y", "other"), { maxLength: 3 })]),
  ),
  { requiredKeys: [] },
);
const someRoles = fc.uniqueArray(fc.constantFrom(...roleNames), { maxLength: 2 });
const cwtKeys = fc.integer({ min: 1, max: 3 }).map((n) => ({
  keys: Array.from({ length: n }, (_, i) => (i === 0 ? { secret: "env:S0" } : { kid: `k${i}`, secret: `env:S${i}` })),
}));
/** RFC 8392 A.2.3. */
const ecKey = {
  kty: "EC",
  crv: "P-256",
  x: "FDMpzOeGjkFpJ1mc9lo0884v_aVafspp7YkZo5TULw8",
  y: "YPfxp4DYp4O_t6LdayeW6BKNu87509Fo25Uplxo257k",
};
const cwtSignatures = fc.constantFrom(
  { keys: [{ jwk: ecKey }], algorithms: ["ES256"] },
  { keys: [{ kid: "a", secret: "env:S0" }, { jwk: ecKey }], algorithms: ["ES256", "HMAC 256/256"] },
);
const cwtDerive = fc
  .record({ secret: fc.constant("env:MASTER"), scopes: maybe(fc.constant(["a:read", "b"])) })
  .map((derive) => ({ derive }));
const cwt = fc
  .record({
    type: fc.constant("cwt"),
    issuer: maybe(fc.constantFrom("https://id.example", "coap://as")),
    audience: fc.oneof(fc.constant("one"), fc.constant(["one", "two"])),
    algorithms: maybe(fc.constantFrom(["HMAC 256/64"], ["HMAC 256/256", "HMAC 256/64"])),
    header: maybe(fc.constantFrom("X-Device-Token", "X-Api-Key")),
    kind: maybe(fc.constantFrom(...kinds)),
    clockTolerance: maybe(fc.constantFrom("0s", "1500ms")),
    requireExp: maybe(fc.boolean()),
    firmware: maybe(fc.constantFrom("claim:fw", "claim:-70002", "claim:300")),
    how: fc.oneof(
      fc.tuple(fc.oneof(cwtKeys, cwtSignatures), proofs).map(([one, more]) => ({ ...one, ...more })),
      cwtDerive,
    ),
  })
  .map(({ how, ...rest }) => ({ ...rest, ...how }));

const hexDigest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex"));
const apiKey = fc.record({
  sha256: hexDigest,
  kind: maybe(fc.constantFrom(...kinds)),
  scopes: maybe(fc.uniqueArray(fc.constantFrom("a:read", "a:write", "b"), { maxLength: 3 })),
  roles: maybe(someRoles),
  addresses: maybe(fc.subarray(["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"])),
  expires: maybe(fc.constantFrom("2030-01-01", "2031-02-03T04:05:06Z")),
});
const keyRing = fc.record({
  type: fc.constant("api-key"),
  header: maybe(fc.constantFrom("X-Api-Key", "X-Partner-Key", "x-api-key")),
  stored: maybe(fc.boolean()),
  environment: maybe(fc.constantFrom("live", "test")),
  lookups: maybe(fc.constant({ rate: "10/1s", burst: 3 })),
  keys: fc
    .uniqueArray(apiKey, { minLength: 1, maxLength: 4, selector: (key) => key.sha256 })
    .map((list) => list.map((key, i) => ({ id: `id-${i}`, ...key }))),
});

const operation = fc.record({
  method: fc.constantFrom(...methods),
  tail,
  scopes: fc.uniqueArray(fc.constantFrom("r", "w", "x:y"), { maxLength: 2 }),
  roles: someRoles,
  binds: fc.array(
    maybe(
      fc.oneof(
        fc.constant("principal"),
        claimName.map((name) => `claim:${name}`),
      ),
    ),
    { minLength: 4, maxLength: 4 },
  ),
});
const service = fc.record({
  host: maybe(fc.constantFrom("a.example", "B.example")),
  prefix: fc.constantFrom("/", "/a", "/a/b", "/v1", "/v1/devices"),
  undocumented: maybe(fc.constantFrom("allow", "report", "refuse")),
  failMode: maybe(fc.constantFrom("open", "closed")),
  operations: fc.array(operation, { maxLength: 8 }),
  picks: fc.array(fc.nat(), { minLength: 4, maxLength: 4 }),
});

/** Valid policies as plain data, of every feature that the image holds. */
export const randomPolicy: fc.Arbitrary<Loose> = fc
  .record({
    roles: maybe(roleScopes),
    limits: fc.array(limit, { maxLength: 5 }),
    authenticators: fc.array(fc.oneof(jwt, cwt, keyRing), { maxLength: 4 }),
    services: fc.uniqueArray(service, {
      minLength: 1,
      maxLength: 5,
      selector: ({ host, prefix }) => `${host?.toLowerCase()}${prefix}`,
    }),
  })
  .map(({ roles, limits, authenticators, services }) => {
    const limitNames = limits.map((_, i) => `limit-${i}`);
    const authNames = authenticators.map((_, i) => `auth-${i}`);
    const known = Object.keys(roles ?? {});
    const knownRoles = <T extends { roles?: string[] | undefined }>(one: T): T => ({
      ...one,
      roles: one.roles?.filter((role) => known.includes(role)),
    });
    const policy = {
      picket: 1,
      services: services.map((one, i) => {
        const drawn = { ...one, operations: one.operations.map(knownRoles) };
        return plainService(drawn, `service-${i}`, limitNames, authNames);
      }),
      roles,
      authenticators: authenticators.map((one, i) => ({
        name: authNames[i],
        ...(one.type === "api-key" ? { ...one, keys: one.keys.map(knownRoles) } : one),
      })),
      limits: limits.map((one, i) => ({ name: limitNames[i], ...one })),
    };
    return JSON.parse(JSON.stringify(policy)) as Loose; // without what is undefined
  });

type Drawn = typeof service extends fc.Arbitrary<infer T> ? T : never;

function plainService(drawn: Drawn, name: string, limitNames: string[], authNames: string[]): Loose {
  const { host, prefix, undocumented, failMode, picks } = drawn;
  const [auths = 0, own = 0, shared = 0] = picks;
  const seen = new Set<string>();
  const auth = authNames.filter((_, n) => (auths >> n) & 1);
  const operations = drawn.operations.flatMap<Loose | string>(({ method, tail: end, scopes, roles, binds }, i) => {
    const path = (prefix === "/" ? "" : prefix) + end || "/";
    const shape = `${method} ${path.replace(/\{\w+/g, "{")}`;
    if (seen.has(shape)) return [];
    seen.add(shape);
    const limits = limitNames.filter((_, n) => n % 2 === 1 && ((own + i) >> n) & 1);
    const bind = auth.length === 0 ? undefined : bindsOf(path, binds);
    const asked = auth.length === 0 ? [] : roles;
    const plain = scopes.length + asked.length + limits.length === 0 && bind === undefined;
    return plain ? [`${method} ${path}`] : [{ method, path, scopes, roles: asked, bind, limits }];
  });
  return {
    name,
    match: { host, path: prefix },
    upstream: "binding:API",
    owner: "team",
    auth,
    limits: limitNames.filter((_, n) => n % 2 === 0 && (shared >> n) & 1),
    undocumented,
    failMode,
    operations,
  };
}

/** Some of the path's parameters with a subject each, in no order; undefined where none is bound. */
function bindsOf(path: string, binds: readonly (string | undefined)[]): Loose | undefined {
  const bound = [...path.matchAll(/\{(p\d)\}/g)].flatMap(([, name = ""], i) =>
    binds[i] === undefined ? [] : [[name, binds[i]]],
  );
  return bound.length === 0 ? undefined : Object.fromEntries(bound.reverse());
}
