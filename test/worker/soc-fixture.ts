import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { createSoc } from "../../worker/soc/app.ts";
import { env, NOON_MS } from "./region-fixture.ts";

const ORIGIN = "http://127.0.0.1:8787";

export interface Call {
  method?: string;
  body?: BodyInit;
  json?: unknown;
  headers?: Record<string, string>;
  /** undefined = the console's own; null = none, as curl sends. */
  origin?: string | null;
  host?: string;
}

/** The console's API under a clock of the test's own, and the cookie of whoever signed in. */
export class TestSoc {
  nowMs = NOON_MS;
  cookie = "";
  bindings: Env = { ...env };
  readonly #app = createSoc(() => this.nowMs);

  async call(path: string, { method, body, json, headers = {}, origin, host }: Call = {}): Promise<Response> {
    const sent = new Headers(headers);
    if (this.cookie && !("Authorization" in headers)) sent.set("Cookie", this.cookie);
    if (origin !== null && (origin !== undefined || (method ?? "GET") !== "GET")) sent.set("Origin", origin ?? ORIGIN);
    if (json !== undefined) sent.set("Content-Type", "application/json");
    const request = new Request(`${host ?? ORIGIN}/_picket${path}`, {
      method: method ?? "GET",
      headers: sent,
      body: json === undefined ? (body ?? null) : JSON.stringify(json),
    });
    const context = createExecutionContext();
    const response = await this.#app.fetch(request, this.bindings, context);
    await waitOnExecutionContext(context);
    return response;
  }

  /** As a script calls: bearer token, no cookie, no Origin. */
  admin(path: string, call: Call = {}): Promise<Response> {
    const headers = { Authorization: `Bearer ${env.PICKET_ADMIN_TOKEN}`, ...call.headers };
    return this.call(path, { method: "POST", origin: null, ...call, headers });
  }

  async link(): Promise<string> {
    const response = await this.admin("/api/v1/sign-in-links");
    return ((await response.json()) as { token: string }).token;
  }

  /** A browser with a fresh session. */
  static async signedIn(nowMs = NOON_MS): Promise<TestSoc> {
    const soc = new TestSoc();
    soc.nowMs = nowMs;
    const response = await soc.call("/api/v1/session", { method: "POST", json: { token: await soc.link() } });
    soc.cookie = response.headers.get("Set-Cookie")?.split(";")[0] ?? "";
    return soc;
  }
}

export const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code;
