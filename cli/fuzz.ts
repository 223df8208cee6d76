import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** `npm run fuzz`: the exhaustive runs, of which `npm test` holds a bounded share. Arguments go to each. */
const programs = ["fuzz-token.ts", "fuzz-cwt.ts", "fuzz-image.ts"];

let failed = 0;
for (const program of programs) {
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, program), ...process.argv.slice(2)], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) failed += 1;
}
process.stdout.write(`${programs.length - failed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
