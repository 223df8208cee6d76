import { describe, expect, it } from "vitest";
import { readOptions } from "../cli/start/options.ts";

function read(...args: string[]) {
  const options = readOptions(args);
  if (!options.ok) throw new Error(options.message);
  return options.value;
}

function complaint(...args: string[]): string {
  const options = readOptions(args);
  return options.ok ? "" : options.message;
}

describe("options of npm start", () => {
  it("play the example in three regions when there are none", () => {
    expect(read()).toEqual({
      policy: null,
      port: 8787,
      data: ".picket",
      fresh: false,
      demo: true,
      regions: ["weur", "enam", "apac"],
      help: false,
    });
  });

  it("protect a policy of one's own in one region, without a simulation", () => {
    expect(read("--policy", "my.yaml")).toMatchObject({ policy: "my.yaml", demo: false, regions: ["local"] });
    expect(read("--no-demo")).toMatchObject({ policy: null, demo: false });
    expect(read("--regions", "a, b", "--policy", "p")).toMatchObject({ regions: ["a", "b"] });
  });

  it("are refused with a sentence that names them", () => {
    expect(complaint("--port", "0")).toContain("--port");
    expect(complaint("--port", "65534")).toContain("65533");
    expect(complaint("--port", "8787x")).toContain('"8787x"');
    expect(complaint("--regions", "a,a")).toContain("twice");
    expect(complaint("--regions", "A")).toContain('"A"');
    expect(complaint("--regions", "")).toContain("--regions");
    expect(complaint("--data", "")).toContain("--data");
    expect(complaint("--polcy", "x")).toContain("--polcy");
    expect(complaint("extra")).toContain("extra");
    expect(complaint("--fresh=yes")).toContain("--fresh");
  });
});
