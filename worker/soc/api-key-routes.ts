import { createRoute, z } from "@hono/zod-openapi";
import {
  changedSchema,
  expireSchema,
  keyParams,
  listSchema,
  madeSchema,
  newKeySchema,
  reasonSchema,
  rerolledSchema,
  rerollSchema,
} from "./api-key-schema.ts";
import { limitBody, operatorSecurity, requireOperator, requireSameOrigin, SMALL_BODY_BYTES } from "./guards.ts";
import { nameSchema } from "./overlay-change.ts";
import { problemAnswer } from "./problem.ts";

const PATH = "/_picket/api/v1/api-keys";
const PAGE = 100;

const guards = [requireSameOrigin, limitBody(SMALL_BODY_BYTES), requireOperator];
const json = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  description,
  content: { "application/json": { schema } },
});
const bodyOf = <Schema extends z.ZodType>(schema: Schema) => ({
  required: true as const,
  content: { "application/json": { schema } },
});
const refusals = {
  400: problemAnswer("request_invalid"),
  401: problemAnswer("session_missing, admin_token_invalid"),
  403: problemAnswer("origin_mismatch"),
  413: problemAnswer("body_too_large"),
};
const changeRefusals = {
  ...refusals,
  404: problemAnswer("api_key_unknown"),
  409: problemAnswer("api_key_ended, api_key_contended, revocations_full"),
};

export const list = createRoute({
  method: "get",
  path: PATH,
  summary: "API keys that are kept here, by authenticator and id",
  security: operatorSecurity,
  middleware: [requireOperator] as const,
  request: {
    query: z.object({
      authenticator: nameSchema.optional(),
      after: z.string().max(200).optional(),
      limit: z.coerce.number().int().min(1).max(1000).default(PAGE),
    }),
  },
  responses: { 200: json("A page of them", listSchema), 400: refusals[400], 401: refusals[401] },
});

export const make = createRoute({
  method: "post",
  path: PATH,
  summary: "Make an API key; the answer shows it, and nothing ever again",
  security: operatorSecurity,
  middleware: guards,
  request: { body: bodyOf(newKeySchema) },
  responses: {
    201: json("Made", madeSchema),
    ...refusals,
    409: problemAnswer("api_key_exists, api_keys_full"),
    422: problemAnswer("authenticator_unknown, authenticator_without_store, environment_mismatch, role_unknown"),
  },
});

const change = <Name extends string, Body extends z.ZodType>(name: Name, summary: string, body: Body) =>
  createRoute({
    method: "post",
    path: `${PATH}/{authenticator}/{id}/${name}` as const,
    summary,
    security: operatorSecurity,
    middleware: guards,
    request: { params: keyParams, body: bodyOf(body) },
    responses: { 200: json("As it is now", changedSchema), ...changeRefusals },
  });

export const disable = change("disable", "Refuse the key in every region within two seconds, until it is enabled", reasonSchema);
export const enable = change("enable", "Take the key again", reasonSchema);
export const expire = change("expire", "Let the key end, now or at an instant before its end", expireSchema);
export const reroll = createRoute({
  method: "post",
  path: `${PATH}/{authenticator}/{id}/reroll`,
  summary: "Make another key under the same id; the answer shows it, and nothing ever again",
  security: operatorSecurity,
  middleware: guards,
  request: { params: keyParams, body: bodyOf(rerollSchema) },
  responses: { 201: json("Made; the key before it holds for the grace", rerolledSchema), ...changeRefusals },
});
