import fc from "fast-check";
import { expect, test } from "vitest";
import { LOAD_OK } from "../../wasm/abi.ts";
import { loadNames } from "../../worker/engine/names.ts";
import { compileText, loadImage, newCore } from "../core/core-fixture.ts";
import { randomPolicy } from "./random-policy.ts";

test("the core loads every image that the compiler writes", async () => {
  const core = newCore();
  await fc.assert(
    fc.asyncProperty(randomPolicy, fc.nat(1), async (policy, slot) => {
      const { image } = await compileText(JSON.stringify(policy));
      expect(loadNames[loadImage(core, image, slot)]).toBe(loadNames[LOAD_OK]);
    }),
    { numRuns: 300 },
  );
});
