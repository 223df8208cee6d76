import { z } from "@hono/zod-openapi";
import type { GivenDevice } from "../db/devices.ts";
import { lineSchema, nameSchema } from "./overlay-change.ts";

/** Devices of one request. */
export const MOST_ROWS = 1000;

const word = lineSchema(100).optional();

export const deviceRowSchema = z
  .strictObject({
    authenticator: nameSchema,
    device: lineSchema(255).openapi({ description: "The principal that its credential names" }),
    fleet: word,
    model: word,
    firmware: word,
    note: lineSchema(500).optional(),
  })
  .openapi("DeviceRegistration", { description: "What is left out stays as it is" });

/** A row that was not taken. */
export const rowErrorSchema = z
  .object({
    row: z.int().openapi({ description: "Its place, from 0; blank lines are not counted" }),
    code: z.enum(["row_malformed", "row_invalid", "authenticator_unknown", "device_repeated"]),
    path: z.string(),
    message: z.string(),
  })
  .openapi("DeviceRowError");

export type RowError = z.infer<typeof rowErrorSchema>;

/** The rows of a body: a JSON list, one JSON object, or NDJSON; undefined = a line that is no JSON; null = no list at all. */
export function rowsOf(body: string, isNdjson: boolean): unknown[] | null {
  if (isNdjson) return body.split("\n").flatMap((line) => (line.trim() === "" ? [] : [parsed(line)]));
  const value = parsed(body);
  if (Array.isArray(value)) return value;
  return typeof value === "object" && value !== null ? [value] : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Those of the rows that can be registered, and why the others cannot. */
export function readRows(rows: readonly unknown[], authenticators: ReadonlySet<string>) {
  const good: GivenDevice[] = [];
  const errors: RowError[] = [];
  const seen = new Set<string>();
  for (const [row, value] of rows.entries()) {
    const read = readRow(value, authenticators, seen);
    if ("code" in read) errors.push({ row, ...read });
    else good.push(read);
  }
  return { good, errors };
}

function readRow(value: unknown, authenticators: ReadonlySet<string>, seen: Set<string>): GivenDevice | Omit<RowError, "row"> {
  if (value === undefined) return { code: "row_malformed", path: "", message: "this line is no JSON" };
  const checked = deviceRowSchema.safeParse(value);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    return { code: "row_invalid", path: issue?.path.join(".") ?? "", message: issue?.message ?? "" };
  }
  const { authenticator, device, fleet = null, model = null, firmware = null, note = null } = checked.data;
  if (!authenticators.has(authenticator)) {
    return { code: "authenticator_unknown", path: "authenticator", message: "the policy in force has no such authenticator" };
  }
  const key = JSON.stringify([authenticator, device]);
  if (seen.has(key)) return { code: "device_repeated", path: "device", message: "this device stands in an earlier row" };
  seen.add(key);
  return { authenticator, device, fleet, model, firmware, note };
}
