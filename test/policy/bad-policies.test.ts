import { describe, expect, test } from "vitest";
import { parsePolicy } from "../../worker/policy/parse.ts";
import { type Loose, plainPolicy, put } from "./policies.ts";

const nowMs = Date.parse("2026-11-24T00:00:00Z");
const fleet = "services[0]";
const first = "services[0].operations[0]";
const second = "services[0].operations[1]";
const jwt = "authenticators[0]";
const keys = "authenticators[1]";
const limit = "limits[0]";
const digest = "cd".repeat(32);

const cwtKey = { kid: "k", secret: "env:K" };
const publicKey = {
  kty: "EC",
  crv: "P-256",
  x: "FDMpzOeGjkFpJ1mc9lo0884v_aVafspp7YkZo5TULw8",
  y: "YPfxp4DYp4O_t6LdayeW6BKNu87509Fo25Uplxo257k",
};
const both = { kid: "k", secret: "env:K", jwk: publicKey };
const named = { kid: "k", jwk: { ...publicKey, kid: "j" } };
const twoScopes = { secret: "env:MASTER", scopes: ["a b"] };
const cwt = (changes: Loose): Loose => ({
  name: "device-tokens",
  type: "cwt",
  audience: "fleet",
  keys: [cwtKey],
  ...changes,
});

/** What is wrong, where it is put into the plain policy, what is put there (undefined = nothing), the code of the one problem, and its path where it is another. */
type Case = [what: string, at: string, value: unknown, code: string, path?: string];

const cases: Case[] = [
  ["a CWT without keys", jwt, cwt({ keys: undefined }), "keys_missing"],
  ["a CWT with an empty list of keys", jwt, cwt({ keys: [] }), "keys_missing"],
  ["a CWT with keys of both kinds", jwt, cwt({ derive: { secret: "env:MASTER" } }), "keys_and_derive"],
  ["a CWT without audience", jwt, cwt({ audience: undefined }), "missing", `${jwt}.audience`],
  ["a CWT with a JWT's algorithm", jwt, cwt({ algorithms: ["HS256"] }), "bad_value", `${jwt}.algorithms[0]`],
  ["a CWT's secret inline", jwt, cwt({ keys: [{ secret: "00ff" }] }), "secret_inline", `${jwt}.keys[0].secret`],
  ["a fleet's secret inline", jwt, cwt({ keys: undefined, derive: { secret: "ff" } }), "secret_inline", `${jwt}.derive.secret`],
  ["a CWT's kid twice", jwt, cwt({ keys: [cwtKey, cwtKey] }), "duplicate_entry", `${jwt}.keys[1].kid`],
  ["a CWT in a header of another meaning", jwt, cwt({ header: "Cookie" }), "header_reserved", `${jwt}.header`],
  ["a scope of a device that is two", jwt, cwt({ keys: undefined, derive: twoScopes }), "bad_format", `${jwt}.derive.scopes[0]`],

  ["a CWT's public key for MACs", jwt, cwt({ keys: [cwtKey, { jwk: publicKey }] }), "key_without_algorithm", `${jwt}.keys[1]`],
  [
    "a CWT's signatures without a key",
    jwt,
    cwt({ algorithms: ["HMAC 256/256", "EdDSA"] }),
    "algorithm_without_key",
    `${jwt}.algorithms[1]`,
  ],
  ["a CWT's key that is nothing", jwt, cwt({ keys: [{ kid: "k" }] }), "missing", `${jwt}.keys[0].secret`],
  ["a CWT's key that is two", jwt, cwt({ keys: [both] }), "key_ambiguous", `${jwt}.keys[0]`],
  ["a CWT's key with two kids", jwt, cwt({ keys: [named], algorithms: ["ES256"] }), "kid_mismatch", `${jwt}.keys[0].kid`],
  [
    "a CWT's private key",
    jwt,
    cwt({ keys: [{ jwk: { ...publicKey, d: "AA" } }], algorithms: ["ES256"] }),
    "jwk_private",
    `${jwt}.keys[0].jwk`,
  ],
  [
    "signatures of a fleet's derived keys",
    jwt,
    cwt({ keys: undefined, derive: { secret: "env:M" }, algorithms: ["ES256"] }),
    "algorithm_without_key",
    `${jwt}.algorithms[0]`,
  ],
  ["a firmware's claim without its kind", `${jwt}.firmware`, "fw", "firmware_malformed"],
  ["a firmware's claim without name", `${jwt}.firmware`, "claim:", "firmware_malformed"],
  ["a firmware that is no claim", jwt, cwt({ firmware: "header:X-Firmware" }), "firmware_malformed", `${jwt}.firmware`],
  ["a firmware's claim as a number", jwt, cwt({ firmware: -70002 }), "wrong_type", `${jwt}.firmware`],
  ["the firmware of an API key", `${keys}.firmware`, "claim:fw", "unknown_key"],
  ["another word for DPoP", `${jwt}.dpop`, "optional", "bad_value"],
  ["DPoP as yes or no", `${jwt}.dpop`, true, "bad_value"],
  ["a proof's age without DPoP", `${jwt}.dpopMaxAge`, "60s", "dpop_missing"],
  ["a nonce without DPoP", `${jwt}.dpopNonce`, true, "dpop_missing"],
  ["a nonce as a text", jwt, cwt({ dpop: "allowed", dpopNonce: "yes" }), "wrong_type", `${jwt}.dpopNonce`],
  ["a proof's age of a day", jwt, cwt({ dpop: "allowed", dpopMaxAge: "24h" }), "duration_out_of_range", `${jwt}.dpopMaxAge`],
  ["bound to something else", `${jwt}.boundTo`, "ip", "bad_value"],
  ["a CWT bound to a certificate", jwt, cwt({ boundTo: "mtls" }), "unknown_key", `${jwt}.boundTo`],
  [
    "DPoP for derived keys",
    jwt,
    cwt({ keys: undefined, derive: { secret: "env:M" }, dpop: "required" }),
    "derive_and_dpop",
    `${jwt}.dpop`,
  ],
  ["a key in the header of proofs", `${keys}.header`, "DPoP", "header_reserved"],

  ["no version", "picket", undefined, "missing"],
  ["another version", "picket", 2, "bad_value"],
  ["the version as a text", "picket", "1", "bad_value"],
  ["an unknown key", "servces", [], "unknown_key"],
  ["services as a mapping", "services", {}, "wrong_type"],

  ["no name", `${fleet}.name`, undefined, "missing"],
  ["a name in upper case", `${fleet}.name`, "Fleet", "bad_format"],
  ["a name of 64 characters", `${fleet}.name`, "f".repeat(64), "bad_format"],
  ["no auth", `${fleet}.auth`, undefined, "missing"],
  ["auth as a text", `${fleet}.auth`, "device-tokens", "wrong_type"],
  ["an unknown authenticator", `${fleet}.auth[0]`, "device-token", "unknown_authenticator"],
  ["an authenticator twice", `${fleet}.auth[2]`, "device-tokens", "duplicate_entry"],
  ["an unknown limit", `${fleet}.limits[0]`, "per-pricipal", "unknown_limit"],
  ["no match", `${fleet}.match`, undefined, "missing"],
  ["a prefix with a slash at its end", `${fleet}.match.path`, "/fleet/", "prefix_malformed"],
  ["a prefix with a parameter", `${fleet}.match.path`, "/{tenant}", "prefix_malformed"],
  ["a host with a port", `${fleet}.match.host`, "api.example:8080", "host_malformed"],
  ["a host with a wildcard", `${fleet}.match.host`, "*.example", "host_malformed"],
  ["no upstream", `${fleet}.upstream`, undefined, "missing"],
  ["an upstream without scheme", `${fleet}.upstream`, "127.0.0.1:9000", "upstream_malformed"],
  ["an upstream of another scheme", `${fleet}.upstream`, "ftp://a.example", "upstream_malformed"],
  ["an upstream with dot segments", `${fleet}.upstream`, "http://a.example/b/../c", "upstream_malformed"],
  ["an upstream with a query", `${fleet}.upstream`, "http://a.example/?key=1", "upstream_query"],
  ["an upstream with an empty fragment", `${fleet}.upstream`, "http://a.example/#", "upstream_query"],
  ["an upstream with credentials", `${fleet}.upstream`, "http://me:pw@a.example", "upstream_credentials"],
  ["an upstream with an empty user", `${fleet}.upstream`, "http://@a.example", "upstream_credentials"],
  ["a binding that is no name", `${fleet}.upstream`, "binding:my-fleet", "upstream_malformed"],
  ["an unknown fail mode", `${fleet}.failMode`, "close", "bad_value"],
  ["an unknown mode for the undocumented", `${fleet}.undocumented`, "deny", "bad_value"],
  ["a timeout without unit", `${fleet}.timeout`, "30", "duration_malformed"],
  ["a timeout as a number", `${fleet}.timeout`, 30, "wrong_type"],
  ["a timeout that is too long", `${fleet}.timeout`, "2h", "duration_out_of_range"],
  ["a flag as a text", `${fleet}.passCredential`, "yes", "wrong_type"],
  ["an owner of two lines", `${fleet}.owner`, "a\nb", "bad_format"],
  ["CORS without origins", `${fleet}.cors`, {}, "missing", `${fleet}.cors.origins`],
  [
    "a CORS origin with a path",
    `${fleet}.cors`,
    { origins: ["https://a.example/"] },
    "origin_malformed",
    `${fleet}.cors.origins[0]`,
  ],

  ["an unknown method", first, "FETCH /fleet/a", "operation_malformed"],
  ["any method", first, "* /fleet/a", "operation_malformed"],
  ["an operation with two blanks", first, "GET  /fleet/a", "operation_malformed"],
  ["an operation as a number", first, 1, "wrong_type"],
  ["a method in lower case", `${second}.method`, "post", "bad_value"],
  ["an operation without path", `${second}.path`, undefined, "missing"],
  ["an unknown key of an operation", `${second}.scope`, ["a"], "unknown_key"],
  ["a path without slash", first, "GET fleet/a", "path_malformed"],
  ["a path with an escape", first, "GET /fleet/a%20b", "path_malformed"],
  ["a path with two slashes", first, "GET /fleet//a", "path_malformed"],
  ["a path with dots", first, "GET /fleet/../a", "path_malformed"],
  ["a path with three dots", first, "GET /fleet/.../a", "path_malformed"],
  ["a path with a semicolon", first, "GET /fleet/a;b", "path_malformed"],
  ["a path with a backslash", first, "GET /fleet/a\\b", "path_malformed"],
  ["a path with a query", first, "GET /fleet/a?b", "path_malformed"],
  ["a path beyond ASCII", first, "GET /fleet/ä", "path_malformed"],
  ["a path with 65 segments", first, `GET /fleet${"/a".repeat(64)}`, "path_too_long"],
  ["a path of 4097 bytes", first, `GET /fleet/${"a".repeat(4090)}`, "path_too_long"],
  ["a parameter inside a segment", first, "GET /fleet/v{n}", "parameter_malformed"],
  ["a parameter without name", first, "GET /fleet/{}", "parameter_malformed"],
  ["a parameter twice", first, "GET /fleet/{a}/{a}", "parameter_repeated"],
  ["a wildcard in the middle", first, "GET /fleet/{a+}/b", "wildcard_not_last"],
  ["an operation outside its service", first, "GET /fleets/a", "outside_prefix"],
  ["an operation under a parameter only", first, "GET /{any}/a", "outside_prefix"],
  ["an operation twice, but for names", `${fleet}.operations[2]`, "GET /fleet/devices/{id}", "duplicate_operation"],
  ["a limit of service and operation", `${second}.limits[1]`, "per-principal", "duplicate_entry"],
  ["a scope with a blank", `${second}.scopes[0]`, "a b", "bad_format"],
  ["a bind of no parameter", `${second}.bind`, { deviceID: "principal" }, "unknown_parameter", `${second}.bind.deviceID`],
  ["a bind to nothing known", `${second}.bind`, { deviceId: "device" }, "bind_malformed", `${second}.bind.deviceId`],
  ["a bind to a claim without name", `${second}.bind`, { deviceId: "claim:" }, "bind_malformed", `${second}.bind.deviceId`],
  ["binds as a list", `${second}.bind`, ["deviceId"], "wrong_type"],
  ["a role that there is not", `${second}.roles`, ["operator"], "unknown_role", `${second}.roles[0]`],
  ["a role of a key that there is not", `${keys}.keys[0].roles`, ["operator"], "unknown_role", `${keys}.keys[0].roles[0]`],
  ["a role's scopes as a text", "roles", { operator: "a" }, "wrong_type", "roles.operator"],
  ["a role's scope with a blank", "roles", { operator: ["a b"] }, "bad_format", "roles.operator[0]"],
  ["a role of two lines", "roles", { "a\nb": [] }, "bad_format", 'roles["a\\nb"]'],
  ["33 roles", "roles", Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`r${i}`, []])), "too_many_roles"],
  ["a role that a reader would drop", "roles", JSON.parse('{ "__proto__": [] }'), "role_reserved", "roles.__proto__"],
  ["no claim for roles", `${jwt}.rolesClaim`, "", "out_of_range"],
  ["deny by default as a text", `${fleet}.denyByDefault`, "yes", "wrong_type"],
  ["a scope twice", `${second}.scopes[1]`, "telemetry:write", "duplicate_entry"],

  ["an unknown type of authenticator", `${jwt}.type`, "jwks", "bad_value"],
  ["no type of authenticator", `${jwt}.type`, undefined, "missing"],
  ["no issuer", `${jwt}.issuer`, undefined, "missing"],
  ["no audience", `${jwt}.audience`, undefined, "missing"],
  ["no audiences", `${jwt}.audience`, [], "out_of_range"],
  ["an audience as a number", `${jwt}.audience`, [1], "wrong_type", `${jwt}.audience[0]`],
  ["an algorithm that no key is for", `${jwt}.algorithms`, ["HS256", "ES256"], "algorithm_without_key", `${jwt}.algorithms[1]`],
  ["an algorithm in the wrong case", `${jwt}.algorithms`, ["HS256", "es256"], "algorithm_unsupported", `${jwt}.algorithms[1]`],
  ["no signature at all", `${jwt}.algorithms`, ["none"], "algorithm_unsupported", `${jwt}.algorithms[0]`],
  ["no keys", `${jwt}.keys`, [], "out_of_range"],
  ["an inline secret", `${jwt}.keys[0].secret`, "hunter2", "secret_inline"],
  ["the gateway's own key", `${jwt}.keys[0].secret`, "env:PICKET_KEY", "secret_reserved"],
  ["an unknown encoding", `${jwt}.keys[0].encoding`, "base64", "bad_value"],
  ["a kid twice", `${jwt}.keys[1]`, { kid: "d1", secret: "env:B" }, "duplicate_entry", `${jwt}.keys[1].kid`],
  ["two keys without kid", `${jwt}.keys`, [{ secret: "env:A" }, { secret: "env:B" }], "duplicate_entry", `${jwt}.keys[1]`],
  ["an unknown kind", `${jwt}.kind`, "robot", "bad_value"],
  ["too much tolerance", `${jwt}.clockTolerance`, "1h", "duration_out_of_range"],
  ["a header that is no token", `${keys}.header`, "X Key", "header_malformed"],
  ["the gateway's own header", `${keys}.header`, "Picket-Principal", "header_reserved"],
  ["Authorization for an API key", `${keys}.header`, "authorization", "header_reserved"],
  ["a digest that is too short", `${keys}.keys[0].sha256`, "abcd", "digest_malformed"],
  ["a digest twice", `${keys}.keys[1]`, { id: "b", sha256: "AB".repeat(32) }, "duplicate_entry", `${keys}.keys[1].sha256`],
  ["an id twice", `${keys}.keys[1]`, { id: "acme", sha256: digest }, "duplicate_entry", `${keys}.keys[1].id`],
  ["no keys, and none kept", `${keys}.keys`, [], "missing"],
  ["keys that are kept by a text", `${keys}.stored`, "yes", "wrong_type"],
  ["an environment of another form", `${keys}.environment`, "Live", "bad_format"],
  ["a network that is none", `${keys}.keys[0].addresses`, ["10.0.0.0/33"], "network_malformed", `${keys}.keys[0].addresses[0]`],
  [
    "a host's address as a network",
    `${keys}.keys[0].addresses`,
    ["10.0.0.1/8"],
    "network_has_host_bits",
    `${keys}.keys[0].addresses[0]`,
  ],
  ["too many networks", `${keys}.keys[0].addresses`, Array(9).fill("10.0.0.1"), "out_of_range"],
  ["a rate of look-ups that is none", `${keys}.lookups`, { rate: "2/0s" }, "rate_malformed", `${keys}.lookups.rate`],
  ["a day that is none", `${keys}.keys[0].expires`, "2027-06-31", "time_malformed"],
  ["an expiry that would mean never", `${keys}.keys[0].expires`, "1970-01-01", "time_malformed"],

  ["a rate with a fraction", `${limit}.rate`, "2.5/1s", "rate_malformed"],
  ["a rate as a number", `${limit}.rate`, 2.5, "wrong_type"],
  ["a rate of nothing", `${limit}.rate`, "0/1m", "rate_malformed"],
  ["a window of a year", `${limit}.rate`, "1/365d", "rate_out_of_range"],
  ["a rate beyond T's microsecond", `${limit}.rate`, "1000001/1s", "rate_out_of_range"],
  ["a burst of nothing", `${limit}.burst`, 0, "out_of_range"],
  ["half a burst", `${limit}.burst`, 1.5, "wrong_type"],
  [
    "a burst that takes years",
    "limits[0]",
    { name: "per-principal", by: "principal", rate: "1/1d", burst: 367 },
    "burst_too_large",
    "limits[0].burst",
  ],
  ["no rate in a list", `${limit}.rate`, [], "out_of_range"],
  ["bytes that are requests", `${limit}.rate`, "10MB/1m", "rate_unit_mismatch", `${limit}.rate`],
  ["an unknown unit", `${limit}.rate`, "10MiB/1m", "rate_malformed"],
  ["a limit of two kinds", `${limit}.concurrent`, 4, "limit_kind_conflict", limit],
  ["an unknown scope", `${limit}.scope`, "planet", "bad_value"],
  ["a hold of nothing", `${limit}.hold`, "1m", "limit_field_misplaced"],
  ["a time zone of nothing", `${limit}.timezone`, "UTC", "limit_field_misplaced"],
  ["a first contact with oneself", `${limit}.firstContact`, 3, "limit_field_misplaced"],
  ["an absence of nobody", `${limit}.whenAway`, "refuse", "limit_field_misplaced"],
  ["a penalty after nothing", `${limit}.penalty`, { after: 0 }, "out_of_range", `${limit}.penalty.after`],
  [
    "a penalty that shrinks",
    `${limit}.penalty`,
    { after: 3, block: "2m", most: "1m" },
    "penalty_too_short",
    `${limit}.penalty.most`,
  ],
  ["the header of the upstream's cost", `${limit}.by`, "header:X-Picket-Cost", "header_reserved"],
  ["nothing to count by", `${limit}.by`, "moon", "limit_key_malformed"],
  ["a claim without name", `${limit}.by`, "claim:", "limit_key_malformed"],
  ["a header without name", `${limit}.by`, "header:", "limit_key_malformed"],
  ["a header that is the credential", `${limit}.by`, "header:Authorization", "header_reserved"],
  ["a parameter with braces", `${limit}.by`, "parameter:{id}", "limit_key_malformed"],
  ["a mode that is none", `${limit}.mode`, "observe", "bad_value"],
  ["a request for nothing", "services[0].operations[1].cost", 0, "out_of_range"],
  ["no rows", "telemetry.rowsPerDay", 0, "out_of_range"],
];

const of = { name: "per-principal", by: "principal" };
const kindCases: [string, Loose, string, string][] = [
  ["says nothing of how much", {}, "limit_kind_missing", ""],
  ["has two rates of one window", { rate: ["5/1m", "600/60s"] }, "duplicate_entry", ".rate[1]"],
  ["begins its days nowhere", { quota: "5/day", timezone: "Europe/Atlantis" }, "timezone_unknown", ".timezone"],
  ["is a quota of nothing", { quota: "0/day" }, "quota_malformed", ".quota"],
  ["is a quota of years", { quota: "5/year" }, "quota_malformed", ".quota"],
  ["is a quota of one isolate", { quota: "5/day", scope: "isolate" }, "limit_field_misplaced", ".scope"],
  ["has a burst of a quota", { quota: "5/day", burst: 3 }, "limit_field_misplaced", ".burst"],
  ["has one burst for two rates", { rate: ["5/1s", "9/1m"], burst: 3 }, "limit_field_misplaced", ".burst"],
  ["has nobody in flight", { concurrent: 0 }, "out_of_range", ".concurrent"],
  ["counts flights over regions", { concurrent: 3, scope: "global" }, "limit_field_misplaced", ".scope"],
  ["counts bytes in flight", { concurrent: 3, counts: "bytes" }, "limit_field_misplaced", ".counts"],
  ["counts bytes by requests", { rate: "5/1m", counts: "bytes" }, "rate_unit_mismatch", ".rate"],
  [
    "asks before it can know",
    { rate: "5MB/1m", counts: "bytes", scope: "region", strict: true },
    "limit_field_misplaced",
    ".strict",
  ],
  [
    "lets in strangers strictly",
    { rate: "5/1m", scope: "region", strict: true, firstContact: 1 },
    "limit_field_misplaced",
    ".firstContact",
  ],
  ["punishes in shadow mode", { rate: "5/1m", mode: "shadow", penalty: { after: 3 } }, "limit_field_misplaced", ".penalty"],
];

test.each(kindCases)("a bad limit: it %s", async (_, fields, code, at) => {
  const policy = plainPolicy();
  put(policy, "limits[0]", { ...of, ...fields });
  const problems = await problemsOf(policy);
  expect(problems.filter((problem) => problem.code !== "limit_unsupported")).toMatchObject([{ code, path: `limits[0]${at}` }]);
});

test.each([
  ["requests in flight", { concurrent: 4 }, "concurrent"],
  ["a quota", { quota: "5/day" }, "quota"],
  ["a scope", { rate: "5/1m", scope: "region" }, "scope"],
  ["bytes", { rate: "5MB/1m", counts: "bytes" }, "counts"],
  ["the upstream's cost", { rate: "5/1m", counts: "upstream-cost" }, "counts"],
])("a limit that the core cannot hold yet is refused, not ignored: %s", async (_, fields, at) => {
  const policy = plainPolicy();
  put(policy, "limits[0]", { ...of, ...fields });
  await expectProblems(policy, [["limit_unsupported", `limits[0].${at}`]]);
});

test.each(cases)("a bad policy: %s", async (_, at, value, code, path = at) => {
  const policy = plainPolicy();
  put(policy, at, value);
  await expectProblems(policy, [[code, path]]);
});

async function problemsOf(policy: Loose) {
  const parsed = await parsePolicy(JSON.stringify(policy, null, 2), nowMs);
  return parsed.ok ? [] : parsed.problems;
}

/** Exactly these, each with a place, an expectation and what was found. */
async function expectProblems(policy: Loose, expected: [code: string, path: string][]): Promise<void> {
  const problems = await problemsOf(policy);
  expect(problems.map(({ code, path }) => [code, path])).toEqual(expected);
  for (const { line, column, message, expected: wanted, found } of problems) {
    expect(line).toBeGreaterThan(0);
    expect(column).toBeGreaterThan(0);
    for (const text of [message, wanted, found]) expect(text).not.toBe("");
  }
}

test("what all of them start from has no problem and no warning", async () => {
  expect(await parsePolicy(JSON.stringify(plainPolicy()), nowMs)).toMatchObject({ ok: true, warnings: [] });
});

describe("a bad whole", () => {
  test("no services", () => expectProblems({ picket: 1, services: [] }, [["out_of_range", "services"]]));

  test("two services of one name", () => {
    const policy = plainPolicy();
    policy.services[1] = { ...policy.services[0], match: { host: "b.example", path: "/fleet" } };
    return expectProblems(policy, [["duplicate_name", "services[1].name"]]);
  });

  test("two services of one match, in other letters", () => {
    const policy = plainPolicy();
    policy.services = ["a.example", "A.example"].map((host, i) => ({
      ...policy.services[0],
      name: `s${i}`,
      match: { host, path: "/fleet" },
    }));
    return expectProblems(policy, [["duplicate_match", "services[1].match"]]);
  });

  test("API keys in four headers", () => {
    const policy = plainPolicy();
    for (const n of [2, 3, 4]) {
      policy.authenticators[n] = { ...policy.authenticators[1], name: `k${n}`, header: `X-K${n}` };
      put(policy, `services[0].auth[${n}]`, `k${n}`);
    }
    return expectProblems(policy, [["too_many_headers", "authenticators"]]);
  });

  test("nine limits for one request", () => {
    const policy = plainPolicy();
    const names = Array.from({ length: 8 }, (_, i) => `l${i}`);
    policy.limits.push(...names.map((name) => ({ name, by: "address", rate: "1/1s" })));
    put(policy, "services[0].operations[1].limits", names);
    return expectProblems(policy, [["too_many_limits", "services[0].operations[1].limits"]]);
  });

  test("one part twice, five parts, and a part that is none", async () => {
    const by = async (value: unknown, expected: [string, string][]) => {
      const policy = plainPolicy();
      put(policy, "limits[0].by", value);
      await expectProblems(policy, expected);
    };
    await by(["address", "address"], [["duplicate_entry", "limits[0].by[1]"]]);
    await by(["address", "asn", "country", "operation", "service"], [["out_of_range", "limits[0].by"]]);
    await by([], [["out_of_range", "limits[0].by"]]);
    await by(["address", "moon"], [["limit_key_malformed", "limits[0].by[1]"]]);
  });

  test("a limit by a path parameter that an operation does not have, its own or its service's", async () => {
    const policy = plainPolicy();
    policy.limits.push({ name: "per-order", by: ["principal", "parameter:orderId"], rate: "1/1s" });
    put(policy, "services[0].operations[1].limits", ["per-order"]);
    await expectProblems(policy, [["limit_parameter_missing", "services[0].operations[1].path"]]);
    put(policy, "services[0].operations[1].limits", []);
    put(policy, "services[0].limits", ["per-order"]);
    await expectProblems(policy, [
      ["limit_parameter_missing", "services[0].operations[0]"],
      ["limit_parameter_missing", "services[0].operations[1].path"],
    ]);
  });

  test("what costs more than a limit's whole burst", async () => {
    const policy = plainPolicy();
    put(policy, "limits[1].burst", 3);
    put(policy, "services[0].operations[1].cost", 4);
    put(policy, "services[0].operations[1].limits", ["per-device"]);
    await expectProblems(policy, [["cost_above_burst", "services[0].operations[1].cost"]]);
  });

  test("limits by five headers", () => {
    const policy = plainPolicy();
    policy.limits.push(...Array.from({ length: 5 }, (_, i) => ({ name: `l${i}`, by: `header:X-${i}`, rate: "1/1s" })));
    return expectProblems(policy, [["too_many_limit_headers", "limits"]]);
  });

  test("limits by nine claims", () => {
    const policy = plainPolicy();
    policy.limits.push(...Array.from({ length: 8 }, (_, i) => ({ name: `l${i}`, by: `claim:c${i}`, rate: "1/1s" })));
    return expectProblems(policy, [["too_many_claims", "limits"]]);
  });

  test("limits and binds by nine claims", () => {
    const policy = plainPolicy();
    policy.limits.push(...Array.from({ length: 7 }, (_, i) => ({ name: `l${i}`, by: `claim:c${i}`, rate: "1/1s" })));
    put(policy, "services[0].operations[1].bind", { deviceId: "claim:dev" });
    put(policy, "services[0].operations[0]", { method: "GET", path: "/fleet/{x}", bind: { x: "claim:ninth" } });
    return expectProblems(policy, [["too_many_claims", "limits"]]);
  });

  test("binds by nine claims alone", () => {
    const policy = plainPolicy();
    policy.limits[1] = { ...policy.limits[1], by: "address" };
    const bound = Array.from({ length: 9 }, (_, i) => ({ method: "GET", path: `/fleet/b${i}/{x}`, bind: { x: `claim:c${i}` } }));
    put(policy, "services[0].operations", [...bound, policy.services[0]?.operations[1]]);
    return expectProblems(policy, [["too_many_claims", "services"]]);
  });

  test("a bound wildcard, a name that cannot be bound, nine binds, and binds where nobody is known", () => {
    const policy = plainPolicy();
    const nine = Array.from({ length: 9 }, (_, i) => `p${i}`);
    const bind = Object.fromEntries(nine.map((name) => [name, "principal"]));
    put(policy, "services[0].operations", [
      { method: "GET", path: "/fleet/files/{rest+}", bind: { rest: "principal" } },
      { method: "GET", path: `/fleet/{${nine.join("}/{")}}`, bind },
      { method: "GET", path: "/fleet/a/{__proto__}", bind: JSON.parse('{ "__proto__": "principal" }') },
      policy.services[0]?.operations[1],
    ]);
    const open = { method: "GET", path: "/open/{id}", bind: { id: "principal" } };
    policy.services.push({
      name: "open",
      match: { path: "/open" },
      upstream: "binding:A",
      owner: "a",
      auth: [],
      operations: [open],
    });
    return expectProblems(policy, [
      ["bind_wildcard", "services[0].operations[0].bind.rest"],
      ["too_many_binds", "services[0].operations[1].bind"],
      ["parameter_reserved", "services[0].operations[2].bind.__proto__"],
      ["bind_public", "services[1].operations[0].bind"],
    ]);
  });

  test("a role twice, and roles where nobody is known", () => {
    const policy = plainPolicy();
    policy.roles = { operator: [] };
    put(policy, "services[0].operations[1].roles", ["operator", "operator"]);
    const open = { method: "GET", path: "/open", roles: ["operator"] };
    policy.services.push({
      name: "open",
      match: { path: "/open" },
      upstream: "binding:A",
      owner: "a",
      auth: [],
      operations: [open],
    });
    return expectProblems(policy, [
      ["duplicate_entry", "services[0].operations[1].roles[1]"],
      ["role_public", "services[1].operations[0].roles[0]"],
    ]);
  });

  test("operations without a rule, and what is undocumented, where the service denies by default", async () => {
    const policy = plainPolicy();
    policy.roles = { operator: [] };
    put(policy, "services[0].denyByDefault", true);
    put(policy, "services[0].operations[2]", { method: "PUT", path: "/fleet/a", limits: ["per-device"] });
    await expectProblems(policy, [
      ["rule_missing", "services[0].undocumented"],
      ["rule_missing", "services[0].operations[0]"],
      ["rule_missing", "services[0].operations[2].path"],
    ]);
    put(policy, "services[0].undocumented", "refuse");
    put(policy, "services[0].operations[0]", { method: "GET", path: "/fleet/{x}", bind: { x: "principal" } });
    put(policy, "services[0].operations[2].roles", ["operator"]);
    await expectProblems(policy, []);
  });

  test("4095 operations and two stand-ins", () => {
    const policy = plainPolicy();
    put(
      policy,
      "services[0].operations",
      Array.from({ length: 4095 }, (_, i) => `GET /fleet/a${i}`),
    );
    return expectProblems(policy, [["too_many_operations", "services"]]);
  });

  test("many things at once, in the order of the file", () => {
    const policy = plainPolicy();
    put(policy, "services[0].upstream", "no");
    put(policy, "services[0].auth[0]", "nobody");
    put(policy, "services[0].operations[0]", "GET /elsewhere");
    put(policy, "authenticators[0].kind", "robot");
    put(policy, "limits[1].rate", "often");
    return expectProblems(policy, [
      ["upstream_malformed", "services[0].upstream"],
      ["unknown_authenticator", "services[0].auth[0]"],
      ["outside_prefix", "services[0].operations[0]"],
      ["bad_value", "authenticators[0].kind"],
      ["rate_malformed", "limits[1].rate"],
    ]);
  });
});

test("problems say where they stand, what was meant and what was expected", async () => {
  const text = `picket: 1
services:
  - name: fleet
    mach: { path: /fleet }
    match: { path: /fleet }
    upstream: http://127.0.0.1:9000
    auth: [device-tokns]
    failMode: opne
    operations:
      - GET /fleet/{id
authenticators:
  - { name: device-tokens, type: jwt, issuer: i, audience: a, keys: [{ secret: hunter2 }] }
`;
  const parsed = await parsePolicy(text, nowMs);
  expect(parsed.ok).toBe(false);
  const problems = parsed.ok ? [] : parsed.problems;
  expect(problems.map(({ line, column, code }) => [line, column, code])).toEqual([
    [4, 5, "unknown_key"],
    [7, 12, "unknown_authenticator"],
    [8, 5, "bad_value"],
    [10, 9, "parameter_malformed"],
    [12, 72, "secret_inline"],
  ]);
  expect(problems[0]?.message).toContain('did you mean "match"?');
  expect(problems[1]?.message).toContain('did you mean "device-tokens"?');
  expect(problems[2]).toMatchObject({ message: 'this value is not known; did you mean "open"?', found: '"opne"' });
  expect(problems[4]).toMatchObject({ expected: "env:NAME or file:PATH", found: "(hidden)" });
});

test("warnings name what is allowed but probably not meant", async () => {
  const policy = plainPolicy();
  policy.authenticators.push({
    name: "old",
    type: "api-key",
    keys: [{ id: "a", sha256: "cd".repeat(32), expires: "2020-01-01" }],
  });
  policy.limits.push({ name: "spare", by: "address", rate: "1/1s" });
  put(policy, "services[0].operations[1].bind", { deviceId: "claim:dev" });
  policy.services.push({
    name: "deep",
    match: { path: "/fleet/devices" },
    upstream: "binding:DEEP",
    auth: [],
    undocumented: "refuse",
  });
  const parsed = await parsePolicy(JSON.stringify(policy, null, 2), nowMs);
  expect(parsed.ok).toBe(true);
  expect(parsed.warnings.map(({ code, path }) => [code, path])).toEqual([
    ["undocumented_unbound", "services[0].undocumented"],
    ["unreachable_operation", "services[0].operations[0]"],
    ["unreachable_operation", "services[0].operations[1].path"],
    ["missing_owner", "services[1].owner"],
    ["refuses_all", "services[1].undocumented"],
    ["unused_authenticator", "authenticators[2].name"],
    ["expired_key", "authenticators[2].keys[0].expires"],
    ["unused_limit", "limits[2].name"],
  ]);
});

test("a flood of problems is cut, and says so", async () => {
  const policy = plainPolicy();
  policy.limits = Array.from({ length: 250 }, (_, i) => ({ name: `L${i}`, by: "address", rate: "1/1s" }));
  const parsed = await parsePolicy(JSON.stringify(policy), nowMs);
  const problems = parsed.ok ? [] : parsed.problems;
  expect(problems).toHaveLength(201);
  expect(problems.at(-1)).toMatchObject({ code: "too_many_problems", message: "and 52 more" });
});
