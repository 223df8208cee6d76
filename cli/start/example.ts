import { randomBytes } from "node:crypto";

/** The bundled policy. */
export const EXAMPLE_POLICY = "cli/example/policy.yaml";

/** What stands in it as the upstream's address; the run puts the example API's own address in its place. */
export const EXAMPLE_UPSTREAM = "http://127.0.0.1:9000";

/** Secrets of the bundled policy, new with every start: only this process signs tokens with them. */
export function exampleEnvironment(): { DEVICE_SECRET: string; FLEET_SECRET: string } {
  const secret = () => randomBytes(32).toString("base64url");
  return { DEVICE_SECRET: secret(), FLEET_SECRET: secret() };
}
