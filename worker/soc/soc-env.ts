import type { Context } from "hono";

/** What every handler of the console's API finds in its context. */
export interface SocEnv {
  Bindings: Env;
  Variables: {
    /** 16 hex digits; the answer's X-Request-Id. */
    requestId: string;
    /** One reading of the clock a request, ms. */
    nowMs: number;
    /** When the caller's session ends, ms; set where a session is required. */
    sessionEndsMs: number;
  };
}

export type SocContext = Context<SocEnv>;
