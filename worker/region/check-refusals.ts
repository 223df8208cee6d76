import { MAX_REFUSED_KEYS, MAX_REQUEST_LIMITS, REFUSED_PRINCIPAL_SIZE } from "../../wasm/abi.ts";

type Fields = Record<string, unknown>;

const MAX_NAME = 128;
const MAX_ADDRESS = 64;
const MAX_COUNT = 2 ** 32 - 1;
const KEY = /^[0-9a-f]{16}$/;

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown, max: number) => typeof value === "string" && value.length <= max;
const isCount = (value: unknown, max = MAX_COUNT) => Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= max;

/** A report's refusals, every field and bound: each key once, and together no more of them than the report has requests. */
export function checkRefusals({ refusals, requests }: Fields): "report_refusals_invalid" | null {
  if (!Array.isArray(refusals) || refusals.length > MAX_REFUSED_KEYS) return "report_refusals_invalid";
  if (!refusals.every((one) => isFields(one) && isRefusal(one))) return "report_refusals_invalid";
  if (new Set(refusals.map(({ key }) => key)).size < refusals.length) return "report_refusals_invalid";
  // A request is refused by one block, or by each of its limits that is used up.
  const counted = refusals.reduce((sum: number, one) => sum + one.refusals + one.knocks, 0);
  return counted <= Number(requests) * MAX_REQUEST_LIMITS ? null : "report_refusals_invalid";
}

function isRefusal(one: Fields): boolean {
  return (
    isText(one.limit, MAX_NAME) &&
    isCount(one.window, MAX_REQUEST_LIMITS - 1) &&
    typeof one.key === "string" &&
    KEY.test(one.key) &&
    isText(one.authenticator, MAX_NAME) &&
    isText(one.principal, REFUSED_PRINCIPAL_SIZE) &&
    isText(one.address, MAX_ADDRESS) &&
    isCount(one.refusals) &&
    isCount(one.knocks)
  );
}
