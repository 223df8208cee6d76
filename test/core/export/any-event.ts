import fc from "fast-check";
import { STRATA } from "../../../wasm/abi.ts";
import type { EventRow } from "../../../worker/db/event-row.ts";
import { kindNames, methodNames, reasonNames } from "../../../worker/engine/names.ts";

const text = fc.string({ unit: "binary", maxLength: 40 });
/** A stored sample of anything that the gateway can be asked. */
export const event: fc.Arbitrary<EventRow> = fc.record({
  id: fc.stringMatching(/^[0-9a-f]{16}$/),
  timeMs: fc.integer({ min: 0, max: 8.64e15 }),
  region: text,
  verdict: fc.constantFrom("allow", "refuse", "shadow"),
  reason: fc.constantFrom(...reasonNames),
  service: text,
  method: fc.constantFrom(...methodNames),
  operation: text,
  path: text,
  status: fc.option(fc.integer({ min: 100, max: 599 })),
  latencyMs: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true })),
  bytesIn: fc.nat(),
  bytesOut: fc.nat(),
  principal: text,
  kind: fc.constantFrom(...kindNames),
  authenticator: text,
  limit: text,
  address: fc.constantFrom("", "192.0.2.7", "2001:db8::1"),
  country: fc.constantFrom("", "DE"),
  asn: fc.constantFrom(0, 64_500),
  colo: fc.constantFrom("", "FRA"),
  stratum: fc.nat(STRATA - 1),
  priority: fc.double({ min: 1, max: 1e9, noNaN: true }),
  weight: fc.constant(1),
  threshold: fc.double({ min: 0, max: 1e9, noNaN: true }),
  standsFor: fc.double({ min: 1, max: 1e9, noNaN: true }),
});
