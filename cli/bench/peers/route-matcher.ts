import { RegExpRouter } from "hono/router/reg-exp-router";
import { TrieRouter } from "hono/router/trie-router";
import * as abi from "../../../wasm/abi.ts";
import { bootCore, type CoreExports } from "../../../worker/engine/core.ts";
import { compileRoutes, type RouteSet } from "../fixtures/routes.ts";

/** Goes through a set's paths. */
export interface RouteMatcher {
  name: string;
  /** The template that a path means to it; null = none. */
  templateOf(path: string): string | null;
  /** Matches `n` paths in turn; answers how many meant an operation. */
  run(n: number): number;
  /** As run, without the matching itself: what it costs to come to the paths. */
  idle(n: number): number;
}

interface RoutingCore extends CoreExports {
  path_normalize(length: number): number;
  route_match(method: number, pathLength: number): number;
}

/** The core's trie. A path is copied into its memory and normalized before it is matched: that is in `idle`. */
export async function coreMatcher(module: WebAssembly.Module, set: RouteSet): Promise<RouteMatcher> {
  const core = bootCore(module, new Uint8Array(32).fill(1), 16, 1) as RoutingCore;
  const memory = new Uint8Array(core.memory.buffer);
  const { image, meta } = await compileRoutes(set);
  memory.set(image, abi.IMAGE_SLOT_0);
  if (core.image_load(0, image.length) !== abi.LOAD_OK) throw new Error("the core refused the image");
  core.image_activate(0);
  const bytes = set.paths.map(({ path }) => new TextEncoder().encode(path));
  const normalize = (path: Uint8Array) => {
    memory.set(path, abi.PATH);
    return core.path_normalize(path.length);
  };
  const templateOf = (path: string) => {
    const operation = core.route_match(abi.METHOD_GET, normalize(new TextEncoder().encode(path)));
    return operation < 0 ? null : (meta.operations[operation]?.template ?? null);
  };
  const run = (n: number) => {
    let found = 0;
    for (let i = 0; i < n; i++) {
      const length = normalize(bytes[i & 1023] as Uint8Array);
      if (core.route_match(abi.METHOD_GET, length) > 0) found++;
    }
    return found;
  };
  const idle = (n: number) => {
    let found = 0;
    for (let i = 0; i < n; i++) if (normalize(bytes[i & 1023] as Uint8Array) > 0) found++;
    return found;
  };
  return { name: "core", templateOf, run, idle };
}

/** hono's routers; `:id` is their spelling of `{id}`. */
export function honoMatchers(set: RouteSet): RouteMatcher[] {
  return [new RegExpRouter<string>(), new TrieRouter<string>()].map((router) => {
    for (const template of set.templates) router.add("GET", template.replace(/\{(\w+)\}/g, ":$1"), template);
    const paths = set.paths.map(({ path }) => path);
    const templateOf = (path: string) => router.match("GET", path)[0][0]?.[0] ?? null;
    const run = (n: number) => {
      let found = 0;
      for (let i = 0; i < n; i++) if (router.match("GET", paths[i & 1023] as string)[0].length > 0) found++;
      return found;
    };
    const idle = (n: number) => {
      let found = 0;
      for (let i = 0; i < n; i++) if ((paths[i & 1023] as string).length > 0) found++;
      return found;
    };
    return { name: `hono ${router.name}`, templateOf, run, idle };
  });
}
