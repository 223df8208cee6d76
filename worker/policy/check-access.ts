import { MAX_BINDS } from "../../wasm/abi.ts";
import type { DraftBind, DraftOperation, DraftService } from "./draft.ts";
import { type Finding, quoted } from "./problem.ts";
import { didYouMean } from "./suggest.ts";
import type { PathTemplate } from "./template.ts";

/**
 * What a service's operations ask of their callers, beside scopes.
 *
 * Codes: unknown_parameter, parameter_reserved, bind_wildcard, bind_public, too_many_binds.
 */
export function accessFindings(service: DraftService): Finding[] {
  return service.operations.flatMap((operation) => bindFindings(operation, service.isPublic));
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
