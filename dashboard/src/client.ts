import type { CallersPage, LiveEvent, LiveMessage, Overview, PrincipalDetail } from "./api-types.ts";

/** Why a call brought nothing: problem+json where the server spoke (RFC 9457), else a code of our own. */
export interface Failure {
  /** HTTP status, 0 where there was no answer. */
  status: number;
  title: string;
  /** Stable code: the server's, or `network`, `timeout`, `answer_malformed`. */
  code: string;
}

export type Result<T> = { ok: true; value: T } | { ok: false; failure: Failure };

const TIMEOUT_MS = 10_000;
const PROBLEM_TEXT_MAX = 200;

/** The SOC API. `send` is `fetch` or a test's stand-in; cookies of this origin go along, nothing is cached. */
export class Client {
  readonly #send: typeof fetch;
  readonly #base: string;

  constructor(send: typeof fetch, base = "/_picket/api/v1") {
    this.#send = send;
    this.#base = base;
  }

  /** Trades the one-time token of a sign-in link for a session cookie. */
  signIn(token: string): Promise<Result<null>> {
    return this.#call("/session", { method: "POST", body: JSON.stringify({ token }) }, () => null);
  }

  /** Whether this browser has a session; signed out is the failure with status 401. */
  session(): Promise<Result<null>> {
    return this.#call("/session", {}, () => null);
  }

  signOut(): Promise<Result<null>> {
    return this.#call("/session", { method: "DELETE" }, () => null);
  }

  /** Everything the overview shows for one time range. */
  overview(range: string): Promise<Result<Overview>> {
    return this.#call(`/overview?${new URLSearchParams({ range })}`, {}, readOverview);
  }

  /** A page of the callers that a question lets through. */
  callers(query: URLSearchParams): Promise<Result<CallersPage>> {
    return this.#call(`/principals?${query}`, {}, readCallers);
  }

  /** One caller whole; unknown is the failure with status 404. */
  caller(authenticator: string, principal: string): Promise<Result<PrincipalDetail>> {
    return this.#call(`/principal?${new URLSearchParams({ authenticator, principal })}`, {}, readCaller);
  }

  async #call<T>(path: string, init: RequestInit, read: (body: unknown) => T | undefined): Promise<Result<T>> {
    let answer: Response;
    let body: unknown;
    try {
      answer = await this.#send(this.#base + path, {
        ...init,
        headers: { Accept: "application/json", ...(init.body ? { "Content-Type": "application/json" } : {}) },
        credentials: "same-origin",
        cache: "no-store",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      body = answer.status === 204 ? null : await answer.json().catch(() => undefined);
    } catch (cause) {
      const late = cause instanceof DOMException && cause.name === "TimeoutError";
      return failed(
        0,
        late ? `No answer within ${TIMEOUT_MS / 1000} s` : "Picket cannot be reached",
        late ? "timeout" : "network",
      );
    }
    if (!answer.ok) return { ok: false, failure: readProblem(answer.status, body) };
    const value = read(body);
    return value === undefined
      ? failed(answer.status, "The answer is not what this console expects", "answer_malformed")
      : { ok: true, value };
  }
}

function failed(status: number, title: string, code: string): { ok: false; failure: Failure } {
  return { ok: false, failure: { status, title, code } };
}

/** Title and code of a problem+json body; a body of another kind leaves the status to speak. */
export function readProblem(status: number, body: unknown): Failure {
  const field = (name: string, otherwise: string) => {
    const text = isRecord(body) ? body[name] : undefined;
    return typeof text === "string" && text !== "" ? text.slice(0, PROBLEM_TEXT_MAX) : otherwise;
  };
  return { status, title: field("title", `The server answered ${status}`), code: field("code", `http_${status}`) };
}

/** Shallow guard: the parts that the page iterates over are there. The server's own schema holds the rest. */
export function readOverview(body: unknown): Overview | undefined {
  if (!isRecord(body) || !isRecord(body.range) || !isRecord(body.totals) || !isRecord(body.policy) || !isRecord(body.telemetry))
    return;
  const { stepMs, fromMs, toMs } = body.range;
  if (!isPositive(stepMs) || typeof fromMs !== "number" || typeof toMs !== "number") return;
  for (const list of [body.regions, body.operations, body.reasons, body.principals]) if (!Array.isArray(list)) return;
  return body as unknown as Overview;
}

/** As above, for a page of callers. */
export function readCallers(body: unknown): CallersPage | undefined {
  if (!isRecord(body) || typeof body.generatedMs !== "number" || typeof body.matched !== "number") return;
  return Array.isArray(body.callers) && Array.isArray(body.authenticators) ? (body as unknown as CallersPage) : undefined;
}

/** As above, for one caller. */
export function readCaller(body: unknown): PrincipalDetail | undefined {
  if (!isRecord(body) || !isRecord(body.newest) || !isRecord(body.watch) || !isRecord(body.window) || !isRecord(body.addresses))
    return;
  const lists = [body.scopes, body.roles, body.operations, body.places, body.findings, body.revocations, body.grants];
  return lists.every((list) => Array.isArray(list)) ? (body as unknown as PrincipalDetail) : undefined;
}

/** One message of the live stream, or undefined where it is neither hello nor tick. */
export function readLiveMessage(text: string): LiveMessage | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return;
  }
  if (!isRecord(body) || typeof body.region !== "string" || typeof body.nowMs !== "number" || !Array.isArray(body.events)) return;
  if (!body.events.every(isLiveEvent)) return;
  if (body.type === "tick" && Array.isArray(body.pulse) && typeof body.skipped === "number")
    return body as unknown as LiveMessage;
  if (body.type === "hello" && isRecord(body.pulse) && Array.isArray(body.pulse.steps)) return body as unknown as LiveMessage;
}

function isLiveEvent(event: unknown): event is LiveEvent {
  return isRecord(event) && typeof event.id === "string" && typeof event.timeMs === "number";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPositive(value: unknown): value is number {
  return typeof value === "number" && value > 0;
}
