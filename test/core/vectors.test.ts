import { describe, expect, it } from "vitest";
import { absenceText, judgeSuite } from "./vectors/suite.ts";
import { suites } from "./vectors/suites.ts";

describe.each(suites)("$name, by $by", (suite) => {
  it("is judged as published, but where it says why not", async ({ skip }) => {
    const tally = await judgeSuite(suite);
    if (tally === null) {
      process.stderr.write(absenceText(suite));
      return skip("its corpus is not here");
    }
    expect(tally.wrong).toEqual([]);
    expect([tally.valid, tally.invalid]).toEqual([suite.valid, suite.invalid]);
  });
});
