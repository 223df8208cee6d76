// Loops of N checks of ES256 tokens inside workerd, timed by the client as core-loops.ts is.
import { jwtVerify } from "jose";
import * as abi from "../../../wasm/abi.ts";
import core from "../../../wasm/build/core.wasm";
import { Engine } from "../../../worker/engine/engine.ts";
import { readVerification } from "../../../worker/engine/verification-record.ts";

export interface CachedSetup {
  /** Base64 of the compiled policy. */
  image: string;
  jwk: { kty: string };
  issuer: string;
  audience: string;
  /** By kind of token; `service` is the index in the image. */
  kinds: Record<"ES256" | "HS256" | "CWT", { service: number; tokens: string[] }>;
  /** ES256 ones, of other callers; in a loop each comes once, and is not known. */
  fresh: string[];
}

/** One check in so many is of a token that is not known. */
const REPEATS = 100;
const es256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

type Loop = (n: number) => number | Promise<number>;

async function buildLoops({ image, jwk, issuer, audience, kinds, fresh }: CachedSetup): Promise<Map<string, Loop>> {
  const engine = new Engine(core, { secret: crypto.getRandomValues(new Uint8Array(32)), cells: 1 << 12, samples: 16 });
  const loaded = engine.load(Uint8Array.from(atob(image), (character) => character.charCodeAt(0)));
  if (!loaded.ok) throw new Error(`the core refused the image: ${loaded.code}`);
  const exports = engine.core as typeof engine.core & { caller_check(service: number, nowMs: number): number };
  const key = await crypto.subtle.importKey("jwk", jwk, es256, false, ["verify"]);
  const startMs = Date.now();
  let turn = 0;

  const check = (service: number, token: string, nowMs: number) => {
    engine.request.credential(0, token);
    return exports.caller_check(service, nowMs);
  };
  /** A token that is not known: what the gateway does for it. */
  const verify = async (token: string, nowMs: number): Promise<boolean> => {
    const { service } = kinds.ES256;
    if (check(service, token, nowMs) !== abi.VERIFICATION_NEEDED) return false;
    const { authenticator, input, signature } = readVerification(engine.core.memory);
    const good = await crypto.subtle.verify(es256, key, signature, input);
    engine.request.credential(0, token);
    engine.remember(0, authenticator, good ? abi.REASON_NONE : abi.REASON_SIGNATURE_INVALID, nowMs);
    return check(service, token, nowMs) === abi.REASON_NONE;
  };

  const known = kinds.ES256.tokens.map((token) => `Bearer ${token}`);
  const unknown = fresh.map((token) => `Bearer ${token}`);
  for (const token of known) {
    if (!(await verify(token, startMs - 60_000))) throw new Error("a token was refused");
  }
  const knownLoop = (kind: keyof CachedSetup["kinds"]): Loop => {
    const { service, tokens } = kinds[kind];
    const authorizations = tokens.map((token) => `Bearer ${token}`);
    return (n) => {
      let accepted = 0;
      for (let i = 0; i < n; i++) {
        if (check(service, authorizations[i % authorizations.length] ?? "", startMs) === abi.REASON_NONE) accepted++;
      }
      return accepted;
    };
  };

  const rules = { issuer, audience, algorithms: ["ES256"], requiredClaims: ["exp"] };
  return new Map<string, Loop>([
    ["nothing", (n) => n],
    ["ES256", knownLoop("ES256")],
    ["HS256", knownLoop("HS256")],
    ["CWT", knownLoop("CWT")],
    [
      "repeats",
      async (n) => {
        // Each turn a little earlier than the one before: nothing that was verified later is known yet.
        const nowMs = startMs - ++turn;
        let accepted = 0;
        for (let i = 0; i < n; i++) {
          const isNew = i % REPEATS === 0;
          const token = isNew ? (unknown[i / REPEATS] ?? "") : (known[i % known.length] ?? "");
          if (isNew ? await verify(token, nowMs) : check(kinds.ES256.service, token, nowMs) === abi.REASON_NONE) accepted++;
        }
        return accepted;
      },
    ],
    [
      "jose",
      async (n) => {
        let accepted = 0;
        for (let i = 0; i < n; i++) {
          await jwtVerify(kinds.ES256.tokens[i % kinds.ES256.tokens.length] ?? "", key, rules);
          accepted++;
        }
        return accepted;
      },
    ],
  ]);
}

let loops: Map<string, Loop> | null = null;

export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (request.method === "POST") {
      loops = await buildLoops((await request.json()) as CachedSetup);
      return new Response(null, { status: 204 });
    }
    const loop = loops?.get(url.searchParams.get("loop") ?? "");
    if (loop === undefined) return new Response("no such loop", { status: 404 });
    return Response.json(await loop(Number(url.searchParams.get("n"))));
  },
};
