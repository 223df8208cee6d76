import { expect, it } from "vitest";
import { mutateImages } from "./image-mutations.ts";

it("never traps on 20,000 mutated images: what load lets pass, every decide can read", async () => {
  const { loaded, refused, traps } = await mutateImages(20_000, 1);
  expect(traps).toEqual([]);
  // Both happen, or the mutations test nothing.
  expect(loaded).toBeGreaterThan(500);
  expect(refused).toBeGreaterThan(500);
});
