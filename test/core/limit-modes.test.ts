import fc from "fast-check";
import { expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { compileText, newCore, nowMs, TestGateway } from "./core-fixture.ts";

interface Rule {
  count: number;
  windowS: number;
  burst: number;
  mode: "enforce" | "shadow";
}

/** A bucket of `burst` requests that drains one in T, by exact arithmetic; what costs n takes n. */
class Bucket {
  readonly #rule: Rule;
  #arrivalUs = 0n;
  constructor(rule: Rule) {
    this.#rule = rule;
  }
  get intervalUs(): bigint {
    return BigInt(Math.ceil((this.#rule.windowS * 1e6) / this.#rule.count));
  }
  admits(cost: number, nowUs: bigint): boolean {
    const from = this.#arrivalUs > nowUs ? this.#arrivalUs : nowUs;
    return from + BigInt(cost) * this.intervalUs - nowUs <= BigInt(this.#rule.burst) * this.intervalUs;
  }
  take(cost: number, nowUs: bigint): void {
    const from = this.#arrivalUs > nowUs ? this.#arrivalUs : nowUs;
    this.#arrivalUs = from + BigInt(cost) * this.intervalUs;
  }
}

function policyOf(rules: readonly Rule[], costs: readonly number[]): string {
  return JSON.stringify({
    picket: 1,
    services: [
      {
        name: "s",
        match: { path: "/" },
        upstream: "http://127.0.0.1:1",
        auth: [],
        limits: rules.map((_, i) => `l${i}`),
        operations: costs.map((cost, i) => ({ method: "GET", path: `/${i}`, cost })),
      },
    ],
    limits: rules.map(({ count, windowS, burst, mode }, i) => ({
      name: `l${i}`,
      by: "service",
      rate: `${count}/${windowS}s`,
      burst,
      mode,
    })),
  });
}

const rule: fc.Arbitrary<Rule> = fc.record({
  count: fc.integer({ min: 1, max: 20 }),
  windowS: fc.integer({ min: 1, max: 5 }),
  burst: fc.integer({ min: 4, max: 12 }),
  mode: fc.constantFrom("enforce" as const, "shadow" as const),
});

test("costs and shadow mode equal exact arithmetic: all limits are charged or none, one in shadow mode never refuses", async () => {
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(rule, { minLength: 1, maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 3, maxLength: 3 }),
      fc.array(fc.record({ operation: fc.nat(2), waitMs: fc.oneof(fc.constant(0), fc.nat(2000)) }), { maxLength: 80 }),
      async (rules, costs, schedule) => {
        const gateway = new TestGateway(newCore(), (await compileText(policyOf(rules, costs))).image);
        const buckets = rules.map((one) => ({ ...one, bucket: new Bucket(one) }));
        let atMs = nowMs;
        for (const { operation, waitMs } of schedule) {
          atMs += waitMs;
          const [cost = 1, nowUs] = [costs[operation], BigInt(atMs) * 1000n];
          const refusing = buckets.filter(({ bucket }) => !bucket.admits(cost, nowUs));
          const refused = refusing.some(({ mode }) => mode === "enforce");
          if (!refused) for (const { bucket } of buckets.filter((one) => !refusing.includes(one))) bucket.take(cost, nowUs);
          const expected = refused ? abi.VERDICT_REFUSE : refusing.length > 0 ? abi.VERDICT_SHADOW : abi.VERDICT_ALLOW;
          const { verdict, reason } = gateway.decide({ path: `/${operation}`, nowMs: atMs });
          expect([verdict, reason]).toEqual([expected, refusing.length > 0 ? abi.REASON_RATE_LIMITED : abi.REASON_NONE]);
          if (refusing.length > 0) {
            const blamed = rules[gateway.verdict.limit]?.mode;
            expect([blamed, gateway.verdict.retryMs > 0]).toEqual([refused ? "enforce" : "shadow", true]);
          }
          seen.add(verdict);
        }
      },
    ),
    { numRuns: 200 },
  );
  expect([...seen].sort()).toEqual([abi.VERDICT_ALLOW, abi.VERDICT_REFUSE, abi.VERDICT_SHADOW]);
});

test("whoever waits as long as told is admitted, whatever the cost", async () => {
  const rules: Rule[] = [{ count: 7, windowS: 3, burst: 5, mode: "enforce" }];
  const gateway = new TestGateway(newCore(), (await compileText(policyOf(rules, [5, 3, 1]))).image);
  expect(gateway.decide({ path: "/0" }).verdict).toBe(abi.VERDICT_ALLOW);
  for (const path of ["/0", "/1", "/2"]) {
    expect(gateway.decide({ path }).verdict).toBe(abi.VERDICT_REFUSE);
    const { retryMs } = gateway.verdict;
    const early = new TestGateway(newCore(), (await compileText(policyOf(rules, [5, 3, 1]))).image);
    early.decide({ path: "/0" });
    expect(early.decide({ path, nowMs: nowMs + retryMs - 1 }).verdict).toBe(abi.VERDICT_REFUSE);
    expect(early.decide({ path, nowMs: nowMs + retryMs }).verdict).toBe(abi.VERDICT_ALLOW);
  }
});
