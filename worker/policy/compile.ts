import * as abi from "../../wasm/abi.ts";
import type { CompiledPolicy } from "./compiled.ts";
import { compiledMeta } from "./compiled-meta.ts";
import { ImageWriter } from "./image-writer.ts";
import { keyImportFindings } from "./key-import.ts";
import { writeAuthenticators } from "./lower-authenticators.ts";
import { writeLimits } from "./lower-limits.ts";
import { writeServices } from "./lower-services.ts";
import { planPolicy } from "./plan.ts";
import { type Finding, type Locate, locateFindings, type Problem } from "./problem.ts";
import type { Policy } from "./schema.ts";
import type { SecretOf } from "./secrets.ts";

export interface CompileOptions {
  /** The policy's version, from 1. */
  version: number;
  /** 16 bytes: the deployment's SipHash key for limits. */
  seed: Uint8Array;
  /** The value behind `env:NAME` or `file:PATH`; undefined where there is none. */
  secretOf: SecretOf;
  /** Places of problems in the policy's text, as `parsePolicy` gives them. */
  locate?: Locate;
}

export type Compilation = { ok: true; compiled: CompiledPolicy } | { ok: false; problems: Problem[] };

/**
 * Lowers a checked policy to the image that the core reads (wasm/abi.ts) and the facts beside it. The same policy, version,
 * seed and secrets give the same bytes.
 *
 * Errors: secret_missing, secret_malformed, secret_too_short, secret_weak, jwk_malformed, too_many_limit_records, image_too_large; all
 * at once.
 */
export async function compile(policy: Policy, options: CompileOptions): Promise<Compilation> {
  const findings: Finding[] = [];
  const plan = planPolicy(policy);
  const writer = new ImageWriter();
  writeServices(writer, plan);
  writeLimits(writer, plan);
  const secrets = writeAuthenticators(writer, plan, options.secretOf, findings);
  findings.push(...(await keyImportFindings(policy.authenticators)));
  if (plan.limits.length > abi.MAX_LIMIT_RECORDS) findings.push(tooManyLimits(plan.limits.length));
  if (writer.size() > abi.IMAGE_SIZE) findings.push(tooLarge(writer.size()));
  if (findings.length > 0) return { ok: false, problems: locateFindings(findings, options.locate ?? (() => null)) };
  const image = writer.finish(options.version, options.seed);
  return { ok: true, compiled: { version: options.version, image, meta: compiledMeta(plan, options.version), secrets } };
}

function tooManyLimits(records: number): Finding {
  return {
    path: ["limits"],
    code: "too_many_limit_records",
    message: "each window of a limit counts by itself, and once for each place that its path parameters have",
    expected: `at most ${abi.MAX_LIMIT_RECORDS}`,
    found: String(records),
  };
}

function tooLarge(bytes: number): Finding {
  return {
    path: [],
    code: "image_too_large",
    message: "this policy is too large for one gateway: give some of its services a deployment of their own",
    expected: `an image of at most ${abi.IMAGE_SIZE} bytes`,
    found: `${bytes} bytes`,
  };
}
