import { HTTPException } from "hono/http-exception";
import packageJson from "../../package.json";
import { apiKeys } from "./api-keys.ts";
import { serveAsset } from "./assets.ts";
import { devices } from "./devices.ts";
import { events } from "./events.ts";
import { exemptions } from "./exemptions.ts";
import { grants } from "./grants.ts";
import { createHealth } from "./health.ts";
import { leastPrivilege } from "./least-privilege.ts";
import { limitSuggestions } from "./limit-suggestions.ts";
import { live } from "./live.ts";
import { overview } from "./overview.ts";
import { penalties } from "./penalties.ts";
import { policies } from "./policies.ts";
import { principal } from "./principal.ts";
import { principals } from "./principals.ts";
import { problem } from "./problem.ts";
import { revocations } from "./revocations.ts";
import { createRouter } from "./router.ts";
import { securityHeaders } from "./security-headers.ts";
import { sessions } from "./sessions.ts";
import type { SocContext } from "./soc-env.ts";

/** The console and its API: everything under /_picket/. `now` answers ms. */
export function createSoc(now: () => number) {
  const router = createRouter();
  router.use("*", securityHeaders(now));
  router.onError((error, c) => answerError(error, c));
  router.notFound((c) => problem(c, 404, "not_found"));
  const api = router
    .route("/", createHealth())
    .route("/", sessions)
    .route("/", overview)
    .route("/", events)
    .route("/", policies)
    .route("/", revocations)
    .route("/", grants)
    .route("/", exemptions)
    .route("/", principals)
    .route("/", principal)
    .route("/", leastPrivilege)
    .route("/", devices)
    .route("/", penalties)
    .route("/", apiKeys)
    .route("/", limitSuggestions)
    .route("/", live);
  api.openAPIRegistry.registerComponent("securitySchemes", "session", { type: "apiKey", in: "cookie", name: "picket_session" });
  api.openAPIRegistry.registerComponent("securitySchemes", "admin", { type: "http", scheme: "bearer" });
  api.doc31("/_picket/api/openapi.json", { openapi: "3.1.0", info: { title: "Picket", version: packageJson.version } });
  api.all("/_picket/api/*", (c) => problem(c, 404, "not_found"));
  api.get("/_picket", (c) => c.redirect("/_picket/", 308));
  api.get("/_picket/*", async (c) => (await serveAsset(c)) ?? problem(c, 404, "not_found"));
  return api;
}

export const socApp = createSoc(() => Date.now());

export type SocApi = typeof socApp;

function answerError(error: Error, c: SocContext): Response {
  if (error instanceof HTTPException && error.status < 500) return problem(c, 400, "request_invalid");
  console.error(`soc: ${error.message}`);
  return error.message.startsWith("D1_") ? problem(c, 503, "storage_unavailable") : problem(c, 500, "internal_error");
}
