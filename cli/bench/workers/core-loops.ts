// Loops of N operations inside workerd, timed by the client: the clock of a Worker stands still while it computes.
import core from "../../../wasm/build/core.wasm";
import { Engine } from "../../../worker/engine/engine.ts";
import { decideLoop } from "../peers/decide-loop.ts";
import { coreVerifier, peerVerifiers, type TokenRules, type TokenVerifier } from "../peers/token-verifier.ts";

export interface Setup extends TokenRules {
  /** Base64 of the compiled policy. */
  image: string;
  tokens: string[];
}

/** Runs an operation n times; answers how many were accepted. */
type Loop = (n: number) => number | Promise<number>;

async function buildLoops({ image, tokens, ...rules }: Setup): Promise<Map<string, Loop>> {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const engine = new Engine(core, { secret, cells: 1 << 18, samples: 128 });
  const loaded = engine.load(Uint8Array.from(atob(image), (character) => character.charCodeAt(0)));
  if (!loaded.ok) throw new Error(`the core refused the image: ${loaded.code}`);
  const loops = new Map<string, Loop>();
  const nowMs = Date.now();
  const verifiers = [coreVerifier(engine, nowMs), ...(await peerVerifiers(rules))];
  for (const verifier of verifiers) loops.set(verifier.name, verifierLoop(verifier, tokens));
  loops.set("nothing", nothingLoop);
  loops.set("decide", decideLoop(engine, tokens, { nowMs, settles: false, known: false }));
  loops.set("decide+settle", decideLoop(engine, tokens, { nowMs, settles: true, known: false }));
  loops.set("decide known", decideLoop(engine, tokens, { nowMs, settles: false, known: true }));
  return loops;
}

/** What the loop and the request around it cost: taken off every figure. */
function nothingLoop(n: number): number {
  let accepted = 0;
  for (let i = 0; i < n; i++) accepted++;
  return accepted;
}

function verifierLoop(verifier: TokenVerifier, tokens: readonly string[]): Loop {
  const callers = tokens.length;
  if (!verifier.sync) {
    const operation = verifier.prepare(tokens);
    return async (n) => {
      let accepted = 0;
      for (let i = 0; i < n; i++) if (await operation(i % callers)) accepted++;
      return accepted;
    };
  }
  const operation = verifier.prepare(tokens);
  return (n) => {
    let accepted = 0;
    for (let i = 0; i < n; i++) if (operation(i % callers)) accepted++;
    return accepted;
  };
}

let loops: Map<string, Loop> | null = null;

export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (request.method === "POST") {
      loops = await buildLoops((await request.json()) as Setup);
      return new Response(null, { status: 204 });
    }
    const loop = loops?.get(url.searchParams.get("loop") ?? "");
    if (loop === undefined) return new Response("no such loop", { status: 404 });
    return Response.json(await loop(Number(url.searchParams.get("n"))));
  },
};
