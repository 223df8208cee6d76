import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// A test runner that builds sets NODE_ENV=test, and Svelte would then ship its development checks: 8 KB more on the wire.
if (process.argv.includes("build")) process.env.NODE_ENV = "production";

/** The console is served under /_picket/ from the ASSETS binding, so it is built into that folder of the asset directory. */
export default defineConfig({
  root: import.meta.dirname,
  base: "/_picket/",
  plugins: [svelte({ configFile: false })],
  build: {
    outDir: "../dist/console/_picket",
    emptyOutDir: true,
    target: ["chrome123", "firefox128", "safari17.5"],
    // The page's Content-Security-Policy allows no data: fonts and no inline code.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/_picket/api": { target: "http://127.0.0.1:8787", ws: true } } },
});
