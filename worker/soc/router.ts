import { OpenAPIHono } from "@hono/zod-openapi";
import { problem } from "./problem.ts";
import type { SocEnv } from "./soc-env.ts";

/** A router whose requests are checked against their description before a handler sees them. */
export function createRouter(): OpenAPIHono<SocEnv> {
  return new OpenAPIHono<SocEnv>({
    defaultHook(result, c) {
      if (result.success) return undefined;
      const problems = result.error.issues.slice(0, 20).map((issue) => ({
        path: [result.target, ...issue.path].join("."),
        expected: "expected" in issue ? String(issue.expected) : issue.code,
        found: "(hidden)",
        message: issue.message,
        line: null,
      }));
      return problem(c, 400, "request_invalid", problems);
    },
  });
}
