import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { getCookie } from "hono/cookie";
import { readSession } from "../db/sessions.ts";
import { problem } from "./problem.ts";
import { sameSecret, tokenHash, tokenPattern } from "./secret-token.ts";
import type { SocContext, SocEnv } from "./soc-env.ts";

export const SESSION_COOKIE = "picket_session";

type Guard = MiddlewareHandler<SocEnv>;

/** When the caller's session ends, ms; null without one. */
export async function sessionOf(c: SocContext): Promise<number | null> {
  const token = getCookie(c, SESSION_COOKIE);
  if (token === undefined || !tokenPattern.test(token)) return null;
  return readSession(c.env.DB, await tokenHash(token), c.get("nowMs"));
}

/** Lets signed-in callers pass. */
export const requireSession: Guard = async (c, next) => {
  const endsMs = await sessionOf(c);
  if (endsMs === null) return problem(c, 401, "session_missing");
  c.set("sessionEndsMs", endsMs);
  return next();
};

/** Lets the administrator pass. An installation without a token has no administrator. */
export const requireAdmin: Guard = async (c, next) => {
  const given = /^Bearer (.+)$/i.exec(c.req.header("Authorization") ?? "")?.[1];
  const expected = c.env.PICKET_ADMIN_TOKEN;
  if (given !== undefined && expected && (await sameSecret(given, expected))) return next();
  c.header("WWW-Authenticate", 'Bearer realm="picket"');
  return problem(c, 401, "admin_token_invalid");
};

/** How a description says requireOperator. */
export const operatorSecurity: Record<string, string[]>[] = [{ admin: [] }, { session: [] }];

/** Lets the administrator pass, and signed-in callers. */
export const requireOperator: Guard = (c, next) =>
  c.req.header("Authorization") === undefined ? requireSession(c, next) : requireAdmin(c, next);

/** Whom requireOperator let pass, as a row that was made then says it: a session by the beginning of what D1 keeps of it. */
export async function operatorName(c: SocContext): Promise<string> {
  if (c.req.header("Authorization") !== undefined) return "administrator";
  return `session ${(await tokenHash(getCookie(c, SESSION_COOKIE) ?? "")).slice(0, 8)}`;
}

/**
 * Keeps other sites' pages out (with SameSite=Strict this is the second lock). A browser sends Origin with every POST, DELETE and
 * WebSocket; only a caller that is no browser, and so carries no cookie of ours, may come without.
 */
export const requireSameOrigin: Guard = async (c, next) => {
  const origin = c.req.header("Origin");
  const isOurs = origin === undefined ? c.req.header("Cookie") === undefined : origin === new URL(c.req.url).origin;
  return isOurs ? next() : problem(c, 403, "origin_mismatch");
};

/** Bounds the body, whether or not its length was announced. */
export function limitBody(maxBytes: number): Guard {
  return bodyLimit({ maxSize: maxBytes, onError: (c) => problem(c as SocContext, 413, "body_too_large") });
}

/** Bodies of a few fields. */
export const SMALL_BODY_BYTES = 4096;
