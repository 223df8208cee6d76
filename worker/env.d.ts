/** Bindings and variables; wrangler.toml gives them in production, the start command locally. */
interface Env {
  DB: D1Database;
  ASSETS: Fetcher;
  REGION_OBJECTS: DurableObjectNamespace<import("./region/region-object.ts").RegionObject>;
  /** This deployment's region; empty = from request.cf. */
  REGION: string;
  /** Every region of the installation, comma-separated. */
  REGIONS: string;
  /** Secret: 32 bytes in base64. Encrypts policy images, seeds limits, signs nothing else. */
  PICKET_KEY: string;
  /** Secret: bearer token with which a policy is published and a sign-in link is made. */
  PICKET_ADMIN_TOKEN: string;
  /** What the policy's env: and file: references name, where a name is not a binding of its own: JSON object, ref → value. */
  PICKET_SECRETS?: string;
}

declare namespace Cloudflare {
  interface Env {
    DB: D1Database;
  }
}

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
