import { createRoute, z } from "@hono/zod-openapi";
import { deviceRowSchema, MOST_ROWS, rowErrorSchema } from "./device-rows.ts";
import { limitBody, operatorSecurity, requireOperator, requireSameOrigin, SMALL_BODY_BYTES } from "./guards.ts";
import { changeSchema, lineSchema, nameSchema } from "./overlay-change.ts";
import { problemAnswer } from "./problem.ts";

const PATH = "/_picket/api/v1/devices";
/** A thousand rows of the longest texts that scripts send. */
const MAX_ROWS_BYTES = 1_048_576;

const stateSchema = z.enum(["active", "quarantined", "retired"]);

const deviceSchema = z
  .object({
    id: z.int(),
    authenticator: z.string(),
    device: z.string(),
    fleet: z.string(),
    model: z.string(),
    firmware: z.string(),
    claimedFirmware: z.string(),
    state: stateSchema,
    note: z.string(),
    who: z.string(),
    changedMs: z.number(),
    madeMs: z.number(),
    firstMs: z.number().nullable(),
    lastMs: z.number().nullable(),
  })
  .openapi("Device", {
    description:
      "firstMs and lastMs: when the gateway saw it first and last, null: never. claimedFirmware: what its newest credential says, empty: nothing",
  });

const word = lineSchema(255).optional();

export const listDevices = createRoute({
  method: "get",
  path: PATH,
  summary: "Registered devices, by their numbers",
  security: operatorSecurity,
  middleware: [requireOperator] as const,
  request: {
    query: z.object({
      authenticator: word,
      fleet: word,
      firmware: word.openapi({ description: "As its newest credential claims it" }),
      state: stateSchema.optional(),
      search: lineSchema(100).optional().openapi({ description: "Part of the device, model, firmware or note" }),
      after: z.coerce.number().int().min(0).default(0).openapi({ description: "The next of the page before" }),
      limit: z.coerce.number().int().min(1).max(500).default(100),
    }),
  },
  responses: {
    200: {
      description: "A page; next null: the last one",
      content: {
        "application/json": {
          schema: z.object({
            most: z.int().openapi({ description: "As many revocations and refused devices there may be together" }),
            used: z.int().openapi({ description: "As many there are" }),
            devices: z.array(deviceSchema),
            next: z.int().nullable(),
          }),
        },
      },
    },
    400: problemAnswer("request_invalid"),
    401: problemAnswer("session_missing, admin_token_invalid"),
  },
});

const registrations = z.array(deviceRowSchema).max(MOST_ROWS).openapi("DeviceRegistrations");

/** Read by hand, row by row, so that one bad row does not cost the others. */
export const registerDevices = createRoute({
  method: "post",
  path: PATH,
  summary: `Register or update up to ${MOST_ROWS} devices`,
  security: operatorSecurity,
  middleware: [requireSameOrigin, requireOperator, limitBody(MAX_ROWS_BYTES)] as const,
  request: {
    body: {
      required: true,
      content: {
        "application/json": { schema: { $ref: "#/components/schemas/DeviceRegistrations" } },
        "application/x-ndjson": { schema: { $ref: "#/components/schemas/DeviceRegistration" } },
      },
    },
  },
  responses: {
    200: {
      description: "What was registered and updated, and which rows could not be",
      content: {
        "application/json": {
          schema: z.object({ made: z.int(), updated: z.int(), unchanged: z.int(), errors: z.array(rowErrorSchema) }),
        },
      },
    },
    400: problemAnswer("request_invalid: no list, too many rows, or not one good row"),
    401: problemAnswer("session_missing, admin_token_invalid"),
    403: problemAnswer("origin_mismatch"),
    409: problemAnswer("devices_full"),
    413: problemAnswer("body_too_large"),
  },
});

/** Components that no route's own schema brings along. */
export const deviceComponents = { DeviceRegistration: deviceRowSchema, DeviceRegistrations: registrations };

const changeRequest = z
  .strictObject({
    authenticator: nameSchema,
    device: lineSchema(255),
    note: lineSchema(500).optional().openapi({ description: "Why; without it the note stays as it is" }),
  })
  .openapi("DeviceChange");

function stateRoute<Verb extends string>(verb: Verb, summary: string) {
  const changed = changeSchema.extend({ device: deviceSchema });
  return createRoute({
    method: "post",
    path: `${PATH}/${verb}` as const,
    summary,
    security: operatorSecurity,
    middleware: [requireSameOrigin, limitBody(SMALL_BODY_BYTES), requireOperator] as const,
    request: { body: { required: true, content: { "application/json": { schema: changeRequest } } } },
    responses: {
      200: { description: "It is so now", content: { "application/json": { schema: changed } } },
      400: problemAnswer("request_invalid"),
      401: problemAnswer("session_missing, admin_token_invalid"),
      403: problemAnswer("origin_mismatch"),
      404: problemAnswer("device_unknown"),
      409: problemAnswer("revocations_full"),
      413: problemAnswer("body_too_large"),
    },
  });
}

export const quarantineDevice = stateRoute(
  "quarantine",
  "Refuse a device with 403 until it is activated; one that was only seen is registered",
);
export const retireDevice = stateRoute("retire", "Refuse a device as revoked; one that was only seen is registered");
export const activateDevice = stateRoute("activate", "Let a quarantined or retired device in again");
