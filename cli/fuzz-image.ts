// The exhaustive run over mutated policy images; npm test runs a bounded share of it.
import { parseArgs } from "node:util";
import { mutateImages } from "../test/core/image-mutations.ts";

const { values } = parseArgs({
  options: { count: { type: "string", default: "1000000" }, seed: { type: "string", default: "1" } },
});
const count = Number(values.count);

const { loaded, refused, traps } = await mutateImages(count, Number(values.seed), (done) =>
  process.stdout.write(`images: ${done} of ${count}\n`),
);
process.stdout.write(`images: ${loaded} let pass and driven, ${refused} refused, ${traps.length} traps\n`);
for (const trap of traps.slice(0, 10)) process.stdout.write(`  ${JSON.stringify(trap)}\n`);
process.exit(traps.length === 0 ? 0 : 1);
