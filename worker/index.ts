import core from "../wasm/build/core.wasm";
import { readApiKey } from "./db/api-keys.ts";
import { Engine } from "./engine/engine.ts";
import type { Fetches } from "./gateway/forward.ts";
import { handleGateway } from "./gateway/handler.ts";
import { Isolate } from "./gateway/isolate.ts";
import { regionName, regionStub } from "./gateway/region-name.ts";
import { retain } from "./region/retention.ts";
import { socApp } from "./soc/app.ts";

export { RegionObject } from "./region/region-object.ts";

/** 4 MiB of limit cells, and up to 128 samples a stratum between two reports. */
const CELLS = 1 << 18;
const SAMPLES = 128;

let isolate: Isolate | null = null;

/** Made on the first request: randomness and the clock do not exist at global scope. */
function isolateOf(request: Request, env: Env): Isolate {
  if (isolate === null) {
    const region = regionName(env.REGION, request.cf as IncomingRequestCfProperties | undefined);
    const secret = crypto.getRandomValues(new Uint8Array(32));
    const id = crypto.randomUUID().replaceAll("-", "").slice(16);
    isolate = new Isolate(new Engine(core, { secret, cells: CELLS, samples: SAMPLES }), env.PICKET_KEY, region, id, Date.now());
  }
  return isolate;
}

function bindingNamed(env: Env, name: string): Fetches | null {
  const binding: unknown = (env as unknown as Record<string, unknown>)[name];
  return typeof binding === "object" && binding !== null && "fetch" in binding ? (binding as Fetches) : null;
}

export default {
  fetch(request, env, ctx) {
    if (isConsole(request.url)) return socApp.fetch(request, env, ctx);
    const current = isolateOf(request, env);
    return handleGateway(request, {
      isolate: current,
      link: () => regionStub(env.REGION_OBJECTS, current.region),
      binding: (name) => bindingNamed(env, name),
      execution: ctx,
      keyStore: (authenticator, sha256) => readApiKey(env.DB, authenticator, sha256),
    });
  },
  scheduled(_controller, env, ctx) {
    ctx.waitUntil(retain(env, Date.now()));
  },
} satisfies ExportedHandler<Env>;

/** Everything under /_picket/ is the console and its API. */
function isConsole(url: string): boolean {
  const slash = url.indexOf("/", url.indexOf(":") + 3);
  return url.startsWith("/_picket", slash) && (slash + 8 === url.length || url[slash + 8] === "/" || url[slash + 8] === "?");
}
