import { readFileSync } from "node:fs";
import { join } from "node:path";

const ANSWER_MS = 15_000;
const LOCAL = "http://127.0.0.1:8787";

/** Options that every command with a running gateway takes. */
export const adminOptions = { url: { type: "string" }, data: { type: "string" } } as const;

export const adminHelp = `  --url URL    the home deployment; ${LOCAL} when it is left out
  --data DIR   data directory of a local run (default .picket): its administrator's token is taken for a loopback URL
PICKET_ADMIN_TOKEN, where it is set, is the administrator's token. It is sent to that URL alone, over https or to loopback.
Exits 0, 1 when the gateway refused or does not answer, 2 when it was called wrongly.`;

export type Answer = { ok: true; body: unknown } | { ok: false; message: string };

export interface AdminApi {
  /** @param type of a body that is a text already; without it the body is sent as JSON */
  call(method: "GET" | "POST" | "DELETE", path: string, body?: unknown, type?: string): Promise<Answer>;
}

type Env = Readonly<Record<string, string | undefined>>;
type Opened = { ok: true; api: AdminApi } | { ok: false; message: string };

/** The administrator's API of a running gateway, or why it cannot be called. */
export function openAdminApi(options: { url?: string | undefined; data?: string | undefined }, env: Env): Opened {
  const url = URL.parse(options.url ?? LOCAL);
  if (url === null || !/^https?:$/.test(url.protocol)) return { ok: false, message: `${options.url} is not an http(s) address` };
  const isLoopback = /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
  if (url.protocol === "http:" && !isLoopback) {
    return { ok: false, message: `the administrator's token is not sent over http to ${url.host}: use https` };
  }
  const token = env.PICKET_ADMIN_TOKEN || (isLoopback ? localToken(options.data ?? ".picket") : null);
  if (token === null) {
    const hint = isLoopback ? `, and ${options.data ?? ".picket"} holds none: name the run's --data directory` : "";
    return { ok: false, message: `PICKET_ADMIN_TOKEN is not set${hint}` };
  }
  return { ok: true, api: { call: (...given) => call(url.origin, token, ...given) } };
}

function localToken(directory: string): string | null {
  try {
    const { adminToken } = JSON.parse(readFileSync(join(directory, "picket.json"), "utf8")) as { adminToken?: unknown };
    return typeof adminToken === "string" ? adminToken : null;
  } catch {
    return null; // said by the caller, with the directory
  }
}

async function call(origin: string, token: string, method: string, path: string, body?: unknown, type?: string): Promise<Answer> {
  try {
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": type ?? "application/json" };
    const sent = body === undefined ? null : type !== undefined ? String(body) : JSON.stringify(body);
    // A redirect could carry the token to another host.
    const init = { method, headers, body: sent, redirect: "error", signal: AbortSignal.timeout(ANSWER_MS) } as const;
    const response = await fetch(`${origin}/_picket/api/v1${path}`, init);
    const answer: unknown = await response.json().catch(() => null);
    return response.ok ? { ok: true, body: answer } : { ok: false, message: refusal(response.status, answer) };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : "";
    return { ok: false, message: `the gateway does not answer at ${origin}${cause === "" ? "" : `: ${cause}`}` };
  }
}

interface ProblemDetails {
  title?: string;
  code?: string;
  problems?: { path: string; message: string; expected: string }[];
}

function refusal(status: number, answer: unknown): string {
  const { title = `status ${status}`, code, problems = [] } = (answer ?? {}) as ProblemDetails;
  const lines = problems.map(({ path, message, expected }) => `  ${path}: ${message}: expected ${expected}`);
  return [`${title}${code === undefined ? "" : ` (${code})`}`, ...lines].join("\n");
}

/** An instant as people write it (ISO 8601, or a time from now such as 90m, 12h, 7d), ms; null when it is none. */
export function instantMs(text: string, nowMs: number): number | null {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (count !== undefined) return nowMs + Number(count) * { s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7 }[unit as "s" | "m" | "h" | "d"];
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}

/** What a change answers: who has heard of it. */
export function spread(body: { pending: string[] }): string {
  if (body.pending.length === 0) return "Every region knows; it is in force everywhere within two seconds.";
  return `Regions that did not answer: ${body.pending.join(", ")}. They learn of it by themselves; run this again to tell them now.`;
}

export function iso(ms: number | null): string {
  return ms === null ? "-" : new Date(ms).toISOString();
}
