import { availableParallelism } from "node:os";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { jwsSources } from "./core/vectors/jws-sources.ts";

let read: string | undefined;

/** For test/worker/jws-vectors.test.ts; read once, though options may be asked for with every file. */
function publishedJws(): string {
  read ??= JSON.stringify(jwsSources.map(({ read: vectors, ...source }) => ({ ...source, vectors: vectors() })));
  return read;
}

export default defineConfig({
  test: {
    // The runner itself is idle most of the time: its default would leave one of two cores to it.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        test: {
          name: "core",
          include: ["test/core/**/*.test.ts", "test/policy/**/*.test.ts", "test/bench/**/*.test.ts", "test/*.test.ts"],
          testTimeout: 60_000,
        },
      },
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: {
                TEST_MIGRATIONS: await readD1Migrations("migrations"),
                TEST_JWS: publishedJws(),
              },
            },
          })),
        ],
        test: {
          name: "worker",
          include: ["test/worker/**/*.test.ts"],
          setupFiles: ["test/worker/setup.ts"],
          testTimeout: 30_000,
          // A log from another I/O context (a Region object's) is parked until the runner sends its next message, and the run
          // waits for its answer: after a file's last message, for ever (cloudflare/workers-sdk#15719). workerd prints instead.
          disableConsoleIntercept: true,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
