import type { CorsMeta, KeyStoreMeta, OperationMeta, PolicyMeta, ServiceMeta, VerificationMeta } from "./compiled.ts";
import { burstOf } from "./lower-limits.ts";
import { type Plan, type PlannedOperation, slotOf } from "./plan.ts";
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
      verification: verificationMeta(a),
      store: storeMeta(a),
    })),
    limits: policy.limits.map((limit) => ({
      name: limit.name,
      burst: burstOf(limit),
      rate: limit.rate.count,
      windowSeconds: limit.rate.windowSeconds,
    })),
    credentialHeaders: plan.credentialHeaders,
    roles: plan.roles,
    usesHost: policy.services.some(({ match }) => match.host !== undefined),
    telemetry: policy.telemetry,
  };
}

/** HS256 stays in the core. The kid that the policy gives to a key is the one that counts. */
function verificationMeta(authenticator: Authenticator): VerificationMeta | null {
  if (authenticator.type !== "jwt" || authenticator.algorithms.every((name) => name === "HS256")) return null;
  const { keys = [], jwks = null, algorithms, verifications } = authenticator;
  const { count, windowSeconds } = verifications.rate;
  return {
    keys: keys.flatMap(({ kid, jwk }) => {
      if (jwk === undefined) return [];
      const allowed = jwk.algorithms.filter((name) => algorithms.includes(name));
      return [{ kid: kid ?? jwk.kid, jwk: jwk.jwk, algorithms: allowed }];
    }),
    jwks,
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
  return {
    name: service.name,
    owner: service.owner,
    host: service.match.host ?? null,
    prefix: service.match.path,
    upstream: service.upstream,
    passCredential: service.passCredential,
    failMode: service.failMode,
    timeoutMs: service.timeout,
    cors: service.cors === undefined ? null : corsMeta(service.cors),
    bearer: auths.some((one) => one !== undefined && slotOf(plan, one) === 0),
  };
}

function corsMeta(cors: NonNullable<Service["cors"]>): CorsMeta {
  const { origins, methods, headers, maxAge } = cors;
  return { origins, methods, headers, maxAgeSeconds: Math.floor(maxAge / 1000) };
}

function operationMeta({ service, operation }: PlannedOperation): OperationMeta {
  if (operation !== null) return { service, method: operation.method, template: operation.path.text, scopes: operation.scopes };
  return { service, method: "*", template: service === -1 ? "(no service)" : "(undocumented)", scopes: [] };
}
