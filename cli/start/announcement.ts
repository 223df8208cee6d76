import { PARTNER_KEY } from "../simulate/credentials.ts";
import type { Admin } from "./admin.ts";
import type { CheckedPolicy } from "./checked-policy.ts";
import type { StartOptions } from "./options.ts";
import { done, type Outcome } from "./outcome.ts";

/** Address of the console that signs its first visitor in. @param home base address of the first region's listener */
export async function consoleLink(admin: Admin, home: string): Promise<Outcome<string>> {
  const token = await admin.signInToken();
  return token.ok ? done(`${home}/_picket/#sign-in=${token.value}`) : token;
}

export interface Announced {
  options: StartOptions;
  origins: readonly string[];
  data: string;
  policy: CheckedPolicy;
  link: string;
}

/** What a start says once it serves. */
export function announcement({ options, origins, data, policy, link }: Announced): string {
  const gateways = origins.map(
    (origin, index) => `  ${index === 0 ? "Gateway " : "        "}  ${origin}  ${options.regions[index]}`,
  );
  const lines = ["", `Picket protects ${protectedThings(options, policy)}.`, "", ...gateways];
  lines.push(`  Console   ${link}`);
  lines.push(`            signs in once, within 10 minutes${process.stdin.isTTY ? "; Enter prints another" : ""}`);
  lines.push(`  Try       ${tryIt(options, policy, origins[0] ?? "")}`);
  lines.push(`  Data      ${data}`, "", "Ctrl-C stops it.");
  return lines.join("\n");
}

function protectedThings({ policy: file, demo }: StartOptions, { services }: CheckedPolicy): string {
  const names = services.map((service) => service.name).join(", ");
  if (file !== null) return `${names}, as ${file} says`;
  return `an example fleet API (${names})${demo ? ", called by simulated devices and a few attackers" : ""}`;
}

function tryIt({ policy: file }: StartOptions, { services }: CheckedPolicy, origin: string): string {
  if (file === null) return `curl -i -H 'X-Api-Key: ${PARTNER_KEY}' ${origin}/fleet/devices`;
  const service = services[0];
  const host = service?.host == null ? "" : `-H 'Host: ${service.host}' `;
  return `curl -i ${host}${origin}${service?.prefix ?? "/"}`;
}
