import { algorithms } from "./algorithms.ts";
import type { CorsMeta, KeyStoreMeta, LimitMeta, OperationMeta, PolicyMeta, ServiceMeta, VerificationMeta } from "./compiled.ts";
import { limitKeyText } from "./limit-key.ts";
import { refusesWhenAway, scopeOf } from "./limit-terms.ts";
import { takesProofs } from "./lower-possession.ts";
import { type Plan, type PlannedOperation, slotOf } from "./plan.ts";
import type { PlannedLimit } from "./plan-limits.ts";
import type { Authenticator, Service } from "./schema.ts";

/** The host-side facts of a policy, in the order of its image. */
export function compiledMeta(plan: Plan, version: number): PolicyMeta {
  const { policy } = plan;
  return {
    version,
    services: plan.services.map((service) => serviceMeta(plan, service)),
    operations: plan.operations.map(operationMeta),
    authenticators: policy.authenticators.map((a) => ({
      name: a.name,
      type: a.type,
      slot: slotOf(plan, a),
      owner: a.owner,
      keys: a.type === "api-key" ? a.keys.map(({ id, owner }) => ({ id, owner })) : [],
      verification: verificationMeta(a),
      store: storeMeta(a),
    })),
    roles: plan.roles.map((name) => ({ name, scopes: policy.roles[name] ?? [] })),
    limits: plan.limits.map(limitMeta),
    announcesLimits: policy.limits.some(({ announce }) => announce === "always"),
    keyHeaders: plan.keyHeaders,
    credentialHeaders: plan.credentialHeaders,
    takesProofs: policy.authenticators.some(takesProofs),
    usesHost: policy.services.some(({ match }) => match.host !== undefined),
    telemetry: policy.telemetry,
  };
}

function limitMeta({ limit, index, window }: PlannedLimit): LimitMeta {
  const { name, by, quota, timezone = "UTC", penalty } = limit;
  return {
    name,
    window: index,
    by: by.map(limitKeyText),
    kind: limit.concurrent !== undefined ? "concurrent" : quota !== undefined ? "quota" : "rate",
    counts: limit.counts,
    rate: window.count,
    windowSeconds: window.windowSeconds,
    burst: window.burst,
    quota: quota === undefined ? null : { ...quota, timezone },
    scope: scopeOf(limit),
    strict: limit.strict,
    whenAway: refusesWhenAway(limit) ? "refuse" : "local",
    penalty: penalty ?? null,
    mode: limit.mode,
    announce: limit.announce,
  };
}

/** HS256 and a CWT's HMAC stay in the core, proofs do not. The kid that the policy gives to a key is the one that counts. */
function verificationMeta(authenticator: Authenticator): VerificationMeta | null {
  if (authenticator.type === "api-key") return null;
  const { keys = [], verifications } = authenticator;
  const listed: readonly string[] = authenticator.algorithms;
  const hosted = algorithms.filter((name) => name !== "HS256" && listed.includes(name));
  if (hosted.length === 0 && !takesProofs(authenticator)) return null;
  const { count, windowSeconds } = verifications.rate;
  return {
    keys: keys.flatMap(({ kid, jwk }) => {
      if (jwk === undefined) return [];
      const allowed = jwk.algorithms.filter((name) => hosted.includes(name));
      return [{ kid: kid ?? jwk.kid, jwk: jwk.jwk, algorithms: allowed }];
    }),
    jwks: authenticator.type === "jwt" ? (authenticator.jwks ?? null) : null,
    rate: count,
    windowSeconds,
  };
}

function storeMeta(authenticator: Authenticator): KeyStoreMeta | null {
  if (authenticator.type !== "api-key" || !authenticator.stored) return null;
  const { count, windowSeconds } = authenticator.lookups.rate;
  return { environment: authenticator.environment ?? null, rate: count, windowSeconds };
}

function serviceMeta(plan: Plan, service: Service): ServiceMeta {
  const auths = service.auth.map((name) => plan.policy.authenticators[plan.authenticatorIndex.get(name) ?? -1]);
  const dpop = dpopOf(auths.flatMap((one) => (one === undefined || one.type === "api-key" ? [] : [one.dpop])));
  return {
    name: service.name,
    owner: service.owner,
    host: service.match.host ?? null,
    prefix: service.match.path,
    upstream: service.upstream,
    passCredential: service.passCredential,
    failMode: service.failMode,
    timeoutMs: service.timeout,
    cors: service.cors === undefined ? null : corsMeta(service.cors, dpop !== "none"),
    bearer: auths.some((one) => one !== undefined && slotOf(plan, one) === 0),
    dpop,
  };
}

function dpopOf(said: readonly ("required" | "allowed" | undefined)[]): ServiceMeta["dpop"] {
  if (said.every((one) => one === undefined)) return "none";
  return said.every((one) => one === "required") ? "required" : "allowed";
}

/** A page that may call a service that takes DPoP proofs may send them. */
function corsMeta(cors: NonNullable<Service["cors"]>, takesDpop: boolean): CorsMeta {
  const { origins, methods, maxAge } = cors;
  const headers = takesDpop ? [...new Set([...cors.headers, "DPoP"])] : cors.headers;
  return { origins, methods, headers, maxAgeSeconds: Math.floor(maxAge / 1000) };
}

function operationMeta({ service, operation }: PlannedOperation): OperationMeta {
  if (operation !== null) {
    const { method, path, scopes, roles } = operation;
    return { service, method, template: path.text, scopes, roles };
  }
  return { service, method: "*", template: service === -1 ? "(no service)" : "(undocumented)", scopes: [], roles: [] };
}
