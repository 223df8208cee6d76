import { HEADER_POLICY } from "../../wasm/abi.ts";
import { insertPolicy, type PolicyRow, selectNewestPolicy } from "../db/policies.ts";
import { compile } from "../policy/compile.ts";
import type { CompiledPolicy } from "../policy/compiled.ts";
import { parsePolicy } from "../policy/parse.ts";
import { locateFindings, type Problem } from "../policy/problem.ts";
import { limitSeed, sealImage } from "../policy/seal.ts";
import { secretResolver } from "../policy/secrets.ts";
import { askRegions, regionNames } from "./regions.ts";
import { storedKeyConflicts } from "./stored-key-conflicts.ts";

export type Published =
  | { state: "published" | "unchanged"; version: number }
  | { state: "invalid"; problems: Problem[] }
  | { state: "contended" };

const ATTEMPTS = 3;
/** D1 takes 2 MB a row: the text, the facts and the image share it. */
const MAX_ROW_BYTES = 1_900_000;
const utf8 = new TextEncoder();

/**
 * Checks, compiles, encrypts and stores a policy as the next version, and tells every region. The same policy with the same
 * secrets changes nothing; a rotated secret is a new version.
 */
export async function publishPolicy(env: Env, source: string, nowMs: number): Promise<Published> {
  const parsed = await parsePolicy(source, nowMs);
  if (!parsed.ok) return { state: "invalid", problems: parsed.problems };
  const conflicts = await storedKeyConflicts(env.DB, parsed.policy);
  if (conflicts.length > 0) return { state: "invalid", problems: locateFindings(conflicts, parsed.locate) };
  const seed = await limitSeed(env.PICKET_KEY);
  const secretOf = secretResolver(env as unknown as Record<string, unknown>);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const current = await selectNewestPolicy(env.DB).first<PolicyRow>();
    const version = (current?.version ?? 0) + 1;
    const compilation = await compile(parsed.policy, { version, seed, secretOf, locate: parsed.locate });
    if (!compilation.ok) return { state: "invalid", problems: compilation.problems };
    const digest = await digestOf(env.PICKET_KEY, compilation.compiled);
    if (current?.digest === digest) return { state: "unchanged", version: current.version };
    const { meta, image } = await sealImage(env.PICKET_KEY, compilation.compiled);
    const bytes = utf8.encode(source).length + utf8.encode(meta).length + image.length;
    if (bytes > MAX_ROW_BYTES) return { state: "invalid", problems: [tooLarge(bytes)] };
    if (await insertPolicy(env.DB, { version, publishedMs: nowMs, digest, meta, source, image })) {
      await askRegions(env, regionNames(env, []), (region) => region.policyPublished(version));
      return { state: "published", version };
    }
  }
  return { state: "contended" };
}

/**
 * Says whether two policies are the same, secrets included, and nothing else: HMAC-SHA-256 under PICKET_KEY with a label of
 * its own, so that it cannot be used to try secrets. The version is left out.
 */
async function digestOf(keyBase64: string, compiled: CompiledPolicy): Promise<string> {
  const image = compiled.image.slice();
  new DataView(image.buffer).setUint32(HEADER_POLICY, 0, true);
  const meta = utf8.encode(JSON.stringify([{ ...compiled.meta, version: 0 }, compiled.secrets]));
  const label = utf8.encode("picket policy digest 1");
  const data = new Uint8Array(label.length + image.length + meta.length);
  data.set(label);
  data.set(image, label.length);
  data.set(meta, label.length + image.length);
  const key = await crypto.subtle.importKey("raw", utf8.encode(keyBase64), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const digest = await crypto.subtle.sign("HMAC", key, data);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function tooLarge(bytes: number): Problem {
  return {
    path: "",
    line: null,
    column: null,
    code: "policy_too_large",
    message: "text and image of a policy are stored as one row",
    expected: `at most ${MAX_ROW_BYTES} bytes`,
    found: `${bytes} bytes`,
  };
}
