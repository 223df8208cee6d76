import { createRoute, z } from "@hono/zod-openapi";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { deleteSession, insertSession } from "../db/sessions.ts";
import { insertSignInLink, redeemSignInLink } from "../db/sign-in-links.ts";
import { limitBody, requireAdmin, requireSameOrigin, requireSession, SESSION_COOKIE, SMALL_BODY_BYTES } from "./guards.ts";
import { problem, problemAnswer } from "./problem.ts";
import { createRouter } from "./router.ts";
import { newToken, tokenHash, tokenPattern } from "./secret-token.ts";
import type { SocContext } from "./soc-env.ts";

const LINK_MS = 10 * 60_000;
const SESSION_MS = 12 * 3_600_000;
const PATH = "/_picket/api/v1/session";

const createLink = createRoute({
  method: "post",
  path: "/_picket/api/v1/sign-in-links",
  summary: "Make a link that signs one browser in, once, within ten minutes",
  security: [{ admin: [] }],
  middleware: [requireSameOrigin, limitBody(SMALL_BODY_BYTES), requireAdmin] as const,
  responses: {
    201: {
      description: "Goes behind #sign-in= in the console's address",
      content: { "application/json": { schema: z.object({ token: z.string(), expiresMs: z.number() }) } },
    },
    401: problemAnswer("admin_token_invalid"),
    403: problemAnswer("origin_mismatch"),
  },
});

const signIn = createRoute({
  method: "post",
  path: PATH,
  summary: "Use a sign-in link up",
  middleware: [requireSameOrigin, limitBody(SMALL_BODY_BYTES)] as const,
  request: {
    body: {
      required: true,
      content: { "application/json": { schema: z.object({ token: z.string().regex(tokenPattern) }) } },
    },
  },
  responses: {
    204: { description: "Signed in: the cookie is set" },
    400: problemAnswer("request_invalid"),
    401: problemAnswer("sign_in_link_invalid"),
    403: problemAnswer("origin_mismatch"),
    413: problemAnswer("body_too_large"),
  },
});

const showSession = createRoute({
  method: "get",
  path: PATH,
  summary: "The caller's session",
  security: [{ session: [] }],
  middleware: [requireSession] as const,
  responses: {
    200: {
      description: "Signed in",
      content: { "application/json": { schema: z.object({ signedIn: z.literal(true), expiresMs: z.number() }) } },
    },
    401: problemAnswer("session_missing"),
  },
});

const signOut = createRoute({
  method: "delete",
  path: PATH,
  summary: "Sign out",
  security: [{ session: [] }],
  middleware: [requireSameOrigin, requireSession] as const,
  responses: {
    204: { description: "Signed out: the session is gone" },
    401: problemAnswer("session_missing"),
    403: problemAnswer("origin_mismatch"),
  },
});

/** Sign-in by one-time link, and the session that it gives. D1 holds hashes only. */
export const sessions = createRouter()
  .openapi(createLink, async (c) => {
    const token = newToken();
    const expiresMs = c.get("nowMs") + LINK_MS;
    await insertSignInLink(c.env.DB, await tokenHash(token), expiresMs);
    return c.json({ token, expiresMs }, 201);
  })
  .openapi(signIn, async (c) => {
    const nowMs = c.get("nowMs");
    const { token: link } = c.req.valid("json");
    if (!(await redeemSignInLink(c.env.DB, await tokenHash(link), nowMs))) return problem(c, 401, "sign_in_link_invalid");
    const token = newToken();
    await insertSession(c.env.DB, await tokenHash(token), nowMs, nowMs + SESSION_MS);
    setCookie(c, SESSION_COOKIE, token, { ...cookieScope(c), maxAge: SESSION_MS / 1000 });
    return c.body(null, 204);
  })
  .openapi(showSession, (c) => c.json({ signedIn: true as const, expiresMs: c.get("sessionEndsMs") }, 200))
  .openapi(signOut, async (c) => {
    await deleteSession(c.env.DB, await tokenHash(getCookie(c, SESSION_COOKIE) ?? ""));
    deleteCookie(c, SESSION_COOKIE, cookieScope(c));
    return c.body(null, 204);
  });

/** Secure wherever there is TLS; a loopback address has none. */
function cookieScope(c: SocContext) {
  const secure = new URL(c.req.url).protocol === "https:";
  return { httpOnly: true, sameSite: "Strict", path: "/_picket", secure } as const;
}
