import { expect, it } from "vitest";
import { compareWithJose } from "./token-mutations.ts";

it("accepts and refuses 20,000 mutated tokens as jose does, but for listed reasons in which it is the stricter", async () => {
  const { accepted, refused, unexplained } = await compareWithJose(20_000, 1);
  expect(unexplained.slice(0, 5)).toEqual([]);
  expect(accepted).toBeGreaterThan(2_000);
  expect(refused).toBeGreaterThan(2_000);
});
