import { MAX_BINDS, MAX_ROLES } from "../../wasm/abi.ts";
import type { Draft, DraftBind, DraftOperation, DraftService } from "./draft.ts";
import { type Finding, quoted } from "./problem.ts";
import { didYouMean } from "./suggest.ts";
import type { PathTemplate } from "./template.ts";

/**
 * What a service's operations ask of their callers, beside scopes.
 *
 * Codes: unknown_parameter, parameter_reserved, bind_wildcard, bind_public, too_many_binds, role_public, rule_missing.
 */
export function accessFindings(service: DraftService): Finding[] {
  const { operations, isPublic, denyByDefault } = service;
  return [
    ...operations.flatMap((operation) => bindFindings(operation, isPublic)),
    ...(isPublic ? operations.flatMap(publicRoleFindings) : []),
    ...(denyByDefault ? ruleFindings(service) : []),
  ];
}

function publicRoleFindings({ roles: [role] }: DraftOperation): Finding[] {
  if (role === undefined) return [];
  const message = "a public service knows no caller who could have a role";
  return [{ path: role.path, code: "role_public", message, expected: "an authenticator in auth", found: "none" }];
}

/** Deny by default: what states no rule is not let pass, it is no policy. */
function ruleFindings({ path, undocumented, operations }: DraftService): Finding[] {
  const code = "rule_missing";
  const bare = operations.filter(({ scopes, roles, binds }) => scopes.length + roles.length + binds.length === 0);
  const findings: Finding[] = bare.map((operation) => {
    const message = "this service denies by default, and the operation does not say who may call it";
    return { path: operation.path, code, message, expected: "scopes, roles or bind", found: "none of them" };
  });
  if (undocumented === "refuse") return findings;
  const message = "this service denies by default, so nothing undocumented may pass";
  const found = undocumented === "" ? "report, which is the default" : undocumented;
  return [...findings, { path: [...path, "undocumented"], code, message, expected: "refuse", found }];
}

/**
 * The policy's roles, and who mentions them.
 *
 * Codes: unknown_role, too_many_roles, role_reserved.
 */
export function roleFindings({ roles, services, authenticators }: Draft): Finding[] {
  const findings: Finding[] = roles
    .filter(({ name }) => name === "__proto__")
    // The schema's reader drops this key without a word.
    .map(({ path }) => ({
      path,
      code: "role_reserved",
      message: "no role can have this name",
      expected: "another",
      found: "it",
    }));
  if (roles.length > MAX_ROLES) {
    const message = "a policy can have so many roles only";
    const found = String(roles.length);
    findings.push({ path: ["roles"], code: "too_many_roles", message, expected: `at most ${MAX_ROLES}`, found });
  }
  const known = new Set(roles.map(({ name }) => name));
  const holders = authenticators.flatMap(({ keys }) => keys);
  const mentions = [...services.flatMap(({ operations }) => operations), ...holders].flatMap((one) => one.roles);
  const names = [...known].slice(0, 10).map(quoted).join(", ");
  const expected = known.size === 0 ? "a role of the policy's roles (there are none)" : `one of ${names}`;
  const unknown = mentions.filter(({ name }) => !known.has(name));
  return [
    ...findings,
    ...unknown.map(({ path, name }) => {
      const message = `there is no role ${quoted(name)}${didYouMean(name, known)}`;
      return { path, code: "unknown_role", message, expected, found: quoted(name) };
    }),
  ];
}

function bindFindings({ binds, template, bindPath }: DraftOperation, isPublic: boolean): Finding[] {
  if (binds.length === 0 || template === null) return [];
  const findings = binds.flatMap((bind) => parameterFindings(bind, template));
  if (isPublic) {
    const message = "a public service knows no caller who could own anything";
    findings.push({ path: bindPath, code: "bind_public", message, expected: "an authenticator in auth", found: "none" });
  }
  if (binds.length > MAX_BINDS) {
    const message = "so many parameters cannot be bound";
    const found = String(binds.length);
    findings.push({ path: bindPath, code: "too_many_binds", message, expected: `at most ${MAX_BINDS}`, found });
  }
  return findings;
}

function parameterFindings({ path, parameter }: DraftBind, { segments }: PathTemplate): Finding[] {
  if (parameter === "__proto__") {
    // The schema's reader drops this key without a word: the parameter would stay unbound.
    const message = "a parameter of this name cannot be bound";
    return [{ path, code: "parameter_reserved", message, expected: "another name", found: quoted(parameter) }];
  }
  const named = segments.flatMap((segment) => (segment.kind === "literal" ? [] : [segment]));
  const segment = named.find(({ name }) => name === parameter);
  if (segment?.kind === "parameter") return [];
  const names = named.filter(({ kind }) => kind === "parameter").map(({ name }) => name);
  const expected = names.length === 0 ? "a path with a {parameter}" : `one of ${names.join(", ")}`;
  if (segment !== undefined) {
    const message = `{${parameter}+} stands for several segments, which are no one object's name`;
    return [{ path, code: "bind_wildcard", message, expected, found: quoted(`${parameter}+`) }];
  }
  const message = `the path has no {${quoted(parameter).slice(1, -1)}}${didYouMean(parameter, names)}`;
  return [{ path, code: "unknown_parameter", message, expected, found: quoted(parameter) }];
}

/**
 * Warnings: undocumented_unbound: a caller who is held to its own objects by one operation, and passes by a path or method that
 * the policy does not name.
 */
export function accessWarnings({ path, undocumented, operations }: DraftService): Finding[] {
  if (undocumented === "refuse" || !operations.some(({ binds }) => binds.length > 0)) return [];
  const message = "its operations bind objects to their callers, but requests that match no operation pass unbound";
  const found = undocumented === "" ? "report" : undocumented;
  return [{ path: [...path, "undocumented"], code: "undocumented_unbound", message, expected: "refuse", found }];
}
