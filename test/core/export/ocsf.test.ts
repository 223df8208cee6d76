import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EventRow } from "../../../worker/db/event-row.ts";
import { apiActivity, httpActivity } from "../../../worker/export/ocsf.ts";
import { readCorpus } from "../vectors/corpora.ts";
import { event } from "./any-event.ts";
import { type OcsfSchema, ocsfFaults } from "./ocsf-validator.ts";

const schema = readCorpus<OcsfSchema>("ocsf/ocsf-1.8.0.json");
const source = { version: "0.1.0" };

describe.skipIf(schema === null)("events as OCSF 1.8.0", () => {
  const faultsOf = (one: Record<string, unknown>) => ocsfFaults(schema ?? { classes: {}, objects: {} }, one);

  test("whatever was sampled is a valid API Activity and HTTP Activity by the published schema", () => {
    fc.assert(
      fc.property(event, (one) => {
        expect(faultsOf(apiActivity(one, source))).toEqual([]);
        expect(faultsOf(httpActivity(one, source))).toEqual([]);
      }),
    );
  });

  test("the judge refuses what is missing, unknown, of another type or outside its values", () => {
    const good = apiActivity(fc.sample(event, 1)[0] as EventRow, source);
    const faults = (change: Record<string, unknown>) => faultsOf({ ...good, ...change }).length;
    expect(faults({ time: undefined, actor: {} })).toBeGreaterThan(1);
    for (const change of [{ colour: "red" }, { time: "now" }, { action_id: 7 }, { status: 7 }, { src_endpoint: {} }]) {
      expect([change, faults(change)]).toEqual([change, 1]);
    }
  });
});

test("what a sample stands for, and its credential's name only, goes with it", () => {
  const one = { ...(fc.sample(event, 1)[0] as EventRow), principal: "dev-7", authenticator: "sensors", standsFor: 41.5 };
  expect(apiActivity(one, source)).toMatchObject({
    actor: { user: { name: "dev-7", uid: "sensors/dev-7" } },
    unmapped: { stands_for: 41.5 },
  });
});
