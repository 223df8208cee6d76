import {
  CALLER_CREDENTIAL_SIZE,
  CALLER_FIRMWARE_SIZE,
  CALLER_SCOPES_SIZE,
  MAX_CALLER_PLACES,
  MAX_CALLER_PRINCIPAL,
  MAX_CALLERS,
  MAX_ROLES,
} from "../../wasm/abi.ts";
import { kindNames } from "../engine/names.ts";

type Fields = Record<string, unknown>;

const MAX_NAME = 128;
const MAX_ROLE_NAMES = MAX_ROLES * 64;
const MAX_COUNT = 2 ** 40;
const MAX_U32 = 2 ** 32 - 1;
/** The last instant that a Date can hold. */
const LAST_MS = 8.64e15;
const kinds = new Set<unknown>(kindNames);

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
/** Keys are joined by U+0000 (caller-table.ts). */
const isName = (value: unknown, max: number) => typeof value === "string" && value.length <= max && !value.includes("\0");
const isText = (value: unknown, max: number) => typeof value === "string" && value.length <= max;
const isFirmware = (value: unknown) => isText(value, CALLER_FIRMWARE_SIZE) && /^[ -~]*$/.test(String(value));
const isCount = (value: unknown, max: number) => Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= max;
const isDate = (value: unknown) => value === null || (Number.isSafeInteger(value) && Math.abs(Number(value)) <= LAST_MS);

/** A report's callers, every field and bound; together they may not have made more requests than the report has. */
export function checkCallers(report: Fields, operations: number): "report_callers_invalid" | null {
  const { callers } = report;
  if (!Array.isArray(callers) || callers.length > MAX_CALLERS) return "report_callers_invalid";
  if (!callers.every((caller) => isFields(caller) && isCaller(caller, operations))) return "report_callers_invalid";
  const requests = callers.reduce((sum: number, caller) => sum + requestsOf(caller), 0);
  return requests <= Number(report.requests) ? null : "report_callers_invalid";
}

function isCaller(caller: Fields, operations: number): boolean {
  return (
    isName(caller.authenticator, MAX_NAME) &&
    isName(caller.principal, MAX_CALLER_PRINCIPAL) &&
    kinds.has(caller.kind) &&
    isText(caller.credential, CALLER_CREDENTIAL_SIZE) &&
    isText(caller.scopes, CALLER_SCOPES_SIZE) &&
    isFirmware(caller.firmware) &&
    isText(caller.roles, MAX_ROLE_NAMES) &&
    areDates(caller) &&
    isBitmap(caller.addresses) &&
    isListOf(caller.places, MAX_CALLER_PLACES, isPlace) &&
    isListOf(caller.operations, operations, (item) => isOperation(item, operations))
  );
}

function areDates({ issuedMs, expiresMs, lifetimeMs, endless, firstMs, lastMs }: Fields): boolean {
  return (
    isDate(issuedMs) &&
    isDate(expiresMs) &&
    (lifetimeMs === null || isCount(lifetimeMs, LAST_MS)) &&
    typeof endless === "boolean" &&
    isCount(firstMs, LAST_MS) &&
    isCount(lastMs, LAST_MS) &&
    Number(firstMs) <= Number(lastMs)
  );
}

const isListOf = (value: unknown, max: number, holds: (item: unknown) => boolean) =>
  Array.isArray(value) && value.length <= max && value.every(holds);
const isBitmap = (value: unknown) => Array.isArray(value) && value.length === 2 && value.every((half) => isCount(half, MAX_U32));
const isPlace = (value: unknown) =>
  Array.isArray(value) && value.length === 2 && isName(value[0], 2) && isCount(value[1], MAX_U32);

function isOperation(value: unknown, operations: number): boolean {
  return (
    Array.isArray(value) &&
    value.length === 3 &&
    isCount(value[0], operations - 1) &&
    isCount(value[1], MAX_COUNT) &&
    isCount(value[2], MAX_COUNT)
  );
}

function requestsOf(caller: Fields): number {
  const operations = caller.operations as [number, number, number][];
  return operations.reduce((sum, [, allowed, refused]) => sum + allowed + refused, 0);
}
