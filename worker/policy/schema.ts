import * as z from "zod";
import { MAX_COST, MAX_REQUEST_LIMITS, MAX_SERVICES } from "../../wasm/abi.ts";
import { type Algorithm, algorithms } from "./algorithms.ts";
import { type BindSubject, bindSubjectPattern, readBindSubject } from "./bind.ts";
import { MAX_AUTHENTICATORS, MAX_LIMITS } from "./bounds.ts";
import { headerNamePattern } from "./header-name.ts";
import { readJwk } from "./jwk.ts";
import { readKeySetUrl } from "./key-set-url.ts";
import type { Read } from "./quantity.ts";
import { apiKey } from "./schema-api-key.ts";
import { cwt } from "./schema-cwt.ts";
import {
  durationMs,
  line,
  mediaType,
  name,
  owner,
  publicKey,
  reference,
  roleName,
  roles,
  scopes,
  strict,
  text,
} from "./schema-fields.ts";
import { firmware } from "./schema-firmware.ts";
import { limit } from "./schema-limit.ts";
import { boundToField, dpopFields } from "./schema-possession.ts";
import { verifications } from "./schema-verifications.ts";
import { readSecretRef, secretRefPattern } from "./secret-ref.ts";
import { type PathTemplate, readPrefix, readTemplate } from "./template.ts";
import { readOrigin, readUpstream } from "./upstream.ts";

export type Policy = z.output<ReturnType<typeof policySchema>>;
export type Service = Policy["services"][number];
export type Operation = Service["operations"][number];
export type Authenticator = Policy["authenticators"][number];
export type JwtAuthenticator = Extract<Authenticator, { type: "jwt" }>;
export type CwtAuthenticator = Extract<Authenticator, { type: "cwt" }>;
export type ApiKeyAuthenticator = Extract<Authenticator, { type: "api-key" }>;
export type { Limit } from "./schema-limit.ts";
export type Method = (typeof methods)[number];
export type Kind = (typeof kinds)[number];

export const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
export const kinds = ["user", "service", "device", "agent", "partner"] as const;

/** A year and a day, and no duration that 32 bits of seconds could not hold. */
const MAX_SPAN_MS = 8784 * 3_600_000;

let built: ReturnType<typeof build> | undefined;

/**
 * The policy file, read into what the rest of Picket works with: rates as numbers, templates as segments, defaults filled
 * in. Built on first use, because a Worker's start-up time counts.
 */
export function policySchema() {
  built ??= build();
  return built;
}

function build() {
  return strict({
    picket: z.literal(1).meta({ description: "Version of this format." }),
    services: z
      .array(service())
      .min(1)
      .max(MAX_SERVICES)
      .meta({ description: "The APIs behind the gateway. A request belongs to the service with the longest matching path." }),
    authenticators: z
      .array(authenticator())
      .max(MAX_AUTHENTICATORS)
      .default([])
      .meta({ description: "Ways to prove who calls." }),
    limits: z
      .array(limit())
      .max(MAX_LIMITS)
      .default([])
      .meta({ description: "Rates that services and operations refer to by name." }),
    roles: z
      .record(roleName(), scopes("Scopes that the role carries."))
      .default({})
      .meta({ description: "What callers are called in a token's claim or beside a key, and the scopes that it gives them." }),
    telemetry: telemetry(),
  }).meta({ title: "Picket policy", description: "What the gateway protects, who may call it, and how often." });
}

function service() {
  return strict({
    name: name("What the console, events and problems call it."),
    match: match(),
    upstream: text(readUpstream, {
      description:
        "Where requests go: an http:// or https:// URL, or binding:NAME for a service binding. The request's path is put behind the URL's.",
      examples: ["https://fleet.internal.example", "binding:FLEET"],
    }),
    owner: line(100, "Who answers for this API.").default(""),
    auth: reference("Authenticators, any of which lets a caller in. Must be said: [] makes the service public."),
    limits: limits("Limits for each of its operations; an operation's own add to them."),
    undocumented: z
      .enum(["allow", "report", "refuse"])
      .default("report")
      .meta({ description: "What happens to requests that match none of the operations. report: they pass, and are shown." }),
    denyByDefault: z.boolean().default(false).meta({
      description:
        "Accept no operation that states neither scopes, roles nor bind, and nothing undocumented: such a policy is an error.",
    }),
    failMode: z.enum(["closed", "open"]).default("closed").meta({
      description: "What happens to requests while the gateway's core is broken. closed: 503. open: they pass unjudged.",
    }),
    passCredential: z
      .boolean()
      .default(false)
      .meta({ description: "Leave the caller's credential on the request, for an upstream that checks it again." }),
    timeout: durationMs(100, 600_000, "How long the upstream may take until its response headers.").prefault("30s"),
    cors: cors().optional(),
    operations: z.array(operation()).default([]).meta({ description: "What the API offers: the inventory." }),
  });
}

function match() {
  const host = text(readHost, {
    description: "Host name, without port. Without it any host matches.",
    examples: ["api.example.com"],
  });
  const path = text(readPrefix, { description: "Path prefix, by whole segments.", examples: ["/fleet"] });
  return strict({ host: host.optional(), path: path.prefault("/") }).meta({
    description: "Which requests belong to the service.",
  });
}

function cors() {
  const origin = text(readOrigin, { examples: ["https://app.example"] });
  const header = z.string().regex(new RegExp(headerNamePattern), { error: "this is not a header name" });
  return strict({
    origins: z.array(origin).min(1).max(64).meta({ description: 'Origins whose scripts may call: exact ones, or "*" for any.' }),
    methods: z
      .array(z.enum(methods))
      .default(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
      .meta({ description: "Allowed methods." }),
    headers: z.array(header).max(64).default(["Authorization", "Content-Type"]).meta({ description: "Allowed request headers." }),
    maxAge: durationMs(0, 86_400_000, "How long a browser may keep the answer.").prefault("10m"),
  }).meta({ description: "Answer CORS preflights here. Without it they pass to the upstream." });
}

function operation() {
  const short = text(readShortOperation, {
    description: "METHOD /path/{parameter}",
    pattern: `^(${methods.join("|")}) /`,
    examples: ["GET /fleet/devices/{deviceId}"],
  });
  const long = strict({
    method: z.enum(methods).meta({ description: "Request method; GET answers HEAD too, unless the policy has it apart." }),
    path: text(readTemplate, {
      description:
        "Whole path, the service's prefix included. {name} stands for one segment, {name+} at the end for one or more.",
      examples: ["/fleet/devices/{deviceId}/telemetry"],
    }),
    scopes: scopes("Scopes that a caller must all have.").default([]),
    roles: roles("Roles, one of which a caller must have.").default([]),
    bind: bind(),
    limits: limits("Limits for this operation, beside the service's."),
    cost: z
      .int()
      .min(1)
      .max(MAX_COST)
      .default(1)
      .meta({ description: "Requests that one of these counts for in each of its limits." }),
  });
  return z.union([short, long]);
}

function bind() {
  const subject = text(readBindSubject, {
    description: "principal (who calls), or claim:NAME (what the token's claim says).",
    pattern: bindSubjectPattern,
    examples: ["claim:dev"],
  });
  return z.record(z.string(), subject).default({}).meta({
    description: "Path parameters that must be the caller's own, by name; anybody else's object is refused.",
  });
}

interface ShortOperation {
  method: Method;
  path: PathTemplate;
  scopes: string[];
  roles: string[];
  bind: Record<string, BindSubject>;
  limits: string[];
  cost: number;
}

/** `GET /path`: an operation that asks nothing of who may call its service, and has no limits of its own. */
function readShortOperation(input: string): Read<ShortOperation> {
  const parts = /^(\S+) (\S+)$/.exec(input);
  const method = methods.find((known) => known === parts?.[1]);
  if (method === undefined) {
    const expected = `METHOD /path, METHOD being one of ${methods.join(", ")}`;
    return { ok: false, code: "operation_malformed", expected, message: "this is not an operation" };
  }
  const path = readTemplate(parts?.[2] ?? "");
  return path.ok ? { ok: true, value: { method, path: path.value, scopes: [], roles: [], bind: {}, limits: [], cost: 1 } } : path;
}

function authenticator() {
  const lookups = verifications(
    "How many stored keys one client address may have looked up; a key that was looked up lately costs none.",
  );
  return z.discriminatedUnion("type", [jwt(), cwt(kinds), apiKey(kinds, lookups)]);
}

function jwt() {
  const audience = line(512, "Audience.").min(1);
  const key = strict({
    kid: line(256, "Key id in the token's header. A key without one serves tokens without one.").min(1).optional(),
    secret: text(readSecretRef, {
      description: "Where the shared secret of HS256, HS384 or HS512 is: env:NAME or file:PATH.",
      pattern: secretRefPattern,
    }).optional(),
    encoding: z.enum(["utf8", "base64url", "hex"]).default("utf8").meta({ description: "How the secret's bytes are written." }),
    jwk: publicKey(readJwk, "Or the public key of any other algorithm, as a JWK (RFC 7517).").optional(),
  });
  return strict({
    name: name("What services call it."),
    type: z.literal("jwt"),
    owner: owner(),
    issuer: line(512, "Required value of the claim iss.").min(1),
    audience: z
      .union([audience.transform((one) => [one]), z.array(audience).min(1).max(16)])
      .meta({ description: "Audiences, one of which the claim aud must hold." }),
    algorithms: z
      .array(text(readAlgorithm, { enum: [...algorithms] }))
      .min(1)
      .max(8)
      .default(["HS256"])
      .meta({ description: "Accepted signature algorithms." }),
    keys: z
      .array(key)
      .min(1)
      .max(16)
      .optional()
      .meta({ description: "Keys that may have signed, each a secret or a jwk; several while they are rotated." }),
    jwks: text(readKeySetUrl, {
      description: "Instead of keys: the URL of the issuer's key set (RFC 7517 §5), https only but for loopback.",
      examples: ["https://id.example/.well-known/jwks.json"],
    }).optional(),
    typ: mediaType("Required type in the token's header, such as at+jwt (RFC 9068).").optional(),
    requireExp: z.boolean().default(true).meta({ description: "Refuse tokens that never expire." }),
    maxAge: durationMs(1000, MAX_SPAN_MS, "How long after iat a token is taken, whatever its exp.").optional(),
    maxLifetime: durationMs(1000, MAX_SPAN_MS, "How long a token may be valid: exp less iat.").optional(),
    verifications: verifications(
      "How many signatures one client address may have verified; a token that was verified lately costs none. HS256 is free.",
    ),
    kind: z.enum(kinds).default("user").meta({ description: "What these callers are." }),
    firmware: firmware().optional(),
    rolesClaim: line(64, "The claim that names a caller's roles: a list of texts, or one.").min(1).default("roles"),
    clockTolerance: durationMs(0, 300_000, "How far the issuer's clock may be off.").prefault("30s"),
    ...dpopFields(),
    boundTo: boundToField(),
  });
}

function limits(description: string) {
  return reference(description).max(MAX_REQUEST_LIMITS).default([]);
}

function telemetry() {
  return strict({
    rowsPerDay: z
      .int()
      .min(1000)
      .max(1_000_000_000)
      .default(100_000)
      .meta({ description: "Rows that may be written to D1 in a day. The default is D1's free plan." }),
    retainDays: z.int().min(1).max(400).default(14).meta({ description: "Days that sampled events are kept." }),
  })
    .prefault({})
    .meta({ description: "How much is recorded." });
}

function readHost(input: string): Read<string> {
  const label = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
  if (input.length <= 253 && new RegExp(`^${label}(\\.${label})*$`).test(input)) return { ok: true, value: input.toLowerCase() };
  const expected = "a host name such as api.example.com, without scheme, port or wildcard";
  return { ok: false, code: "host_malformed", expected, message: "this is not a host name" };
}

function readAlgorithm(input: string): Read<Algorithm> {
  const known = algorithms.find((algorithm) => algorithm === input);
  if (known !== undefined) return { ok: true, value: known };
  const message = "this is no signature algorithm that is taken; their names are case-sensitive, and none is never one of them";
  return { ok: false, code: "algorithm_unsupported", expected: algorithms.join(", "), message };
}
