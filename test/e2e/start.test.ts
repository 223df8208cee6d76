import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Accounts, type Health, Picket } from "./picket-process.ts";
import { poll } from "./poll.ts";
import { commandLine, descendants, isRunning } from "./processes.ts";

function unaccounted({ reported, stored, dropped, pending }: Accounts): number {
  return reported - stored - dropped - pending;
}

describe("npm start without options", () => {
  let picket: Picket;
  beforeAll(async () => {
    picket = await Picket.start({ args: ["--fresh"], regions: 3 });
  });
  afterAll(async () => {
    await picket.stop();
    picket.remove();
  });

  it("says what it protects, where, and never what opens it", () => {
    for (const origin of picket.origins) expect(picket.output).toContain(origin);
    const { key, adminToken } = JSON.parse(readFileSync(join(picket.data, "picket.json"), "utf8")) as Record<string, string>;
    expect(picket.output).not.toContain(key);
    expect(picket.output).not.toContain(adminToken);
    expect(statSync(join(picket.data, "picket.json")).mode & 0o777).toBe(0o600);
  });

  it("shows traffic within ten seconds", async () => {
    const health = await poll("requests reported", 10_000, async () => {
      const now = await picket.health();
      return now.telemetry.reported > 100 && now;
    });
    expect(health.status).toBe("ok");
  });

  it("accounts for every request at every moment, and brings them to the database", async () => {
    // How often a region writes follows the policy's rows a day: some seconds apart here.
    const { telemetry } = await poll("requests in the database", 30_000, async () => {
      const now = await picket.health();
      expect(unaccounted(now.telemetry)).toBe(0);
      return now.telemetry.stored > 100 && now;
    });
    expect(telemetry.dropped).toBe(0);
  });

  it("listens with one gateway per region", async () => {
    for (const origin of picket.origins) {
      const answer = await fetch(`${origin}/fleet/devices/dev-0007`);
      expect(answer.status).toBe(401);
      await answer.body?.cancel();
    }
  });

  it("ends with everything it started, keeps its counts, and goes on with them", async () => {
    const started = descendants(picket.pid);
    expect(started.some((process) => process.name.startsWith("workerd"))).toBe(true);
    const before = (await picket.health()).telemetry;
    expect(await picket.stop()).toBe(0);
    await poll("no process is left", 5_000, () => started.every((process) => !isRunning(process.pid)));

    const again = await Picket.start({ args: ["--no-demo"], regions: 3, data: picket.data, port: picket.port });
    try {
      const after: Health = await again.health();
      expect(after.telemetry.reported).toBeGreaterThanOrEqual(before.reported);
      expect(unaccounted(after.telemetry)).toBe(0);
    } finally {
      await again.stop();
    }
  });
});

describe("npm start that is stopped", () => {
  async function stopped(stop: (npm: number) => void): Promise<void> {
    const picket = await Picket.start({ args: ["--no-demo"], regions: 3, npm: true });
    const started = descendants(picket.pid);
    expect(started.some((process) => process.name.startsWith("workerd"))).toBe(true);
    stop(picket.pid);
    await poll("no process is left", 10_000, () => started.every((process) => !isRunning(process.pid)));
    await expect(fetch(picket.home)).rejects.toThrow();
    picket.remove();
  }

  it("by Ctrl-C, which reaches every process of the terminal, leaves nothing behind", () =>
    stopped((npm) => process.kill(-npm, "SIGINT")));

  it("by a signal to npm alone leaves nothing behind", () => stopped((npm) => process.kill(npm, "SIGTERM")));

  it("by the task runner's sudden end leaves nothing behind", () =>
    stopped((npm) => {
      const runner = descendants(npm).find(
        ({ pid }) => commandLine(pid).includes("cli/run.mjs") && !commandLine(pid).startsWith("sh"),
      );
      if (runner === undefined) throw new Error("the task runner was not found");
      process.kill(runner.pid, "SIGKILL");
    }));
});

describe("npm start that cannot", () => {
  async function refusal(args: readonly string[], port?: number, data?: string): Promise<string> {
    const picket = await Picket.spawn({ args, ...(port !== undefined && { port }), ...(data !== undefined && { data }) });
    expect(await picket.ended()).toBe(1);
    expect(picket.output).not.toMatch(/^ +at /m);
    if (data === undefined) picket.remove();
    return picket.output;
  }

  it("names a taken port", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    expect(await refusal([], port)).toContain(`Port ${port} is taken`);
    server.close();
  });

  it("names a policy that is not there", async () => {
    expect(await refusal(["--policy", "/nowhere/policy.yaml"])).toContain("There is no policy file /nowhere/policy.yaml.");
  });

  it("names an unknown option", async () => {
    expect(await refusal(["--polcy", "x"])).toContain("Unknown option '--polcy'");
  });

  it("names a secret that is not set, and how to set it", async () => {
    const output = await refusal(["--policy", "test/e2e/policy-missing-secret.yaml"]);
    expect(output).toContain("env:PICKET_E2E_UNSET_SECRET");
  });

  it("names a secret that everybody knows, without showing it", async () => {
    const secret = "59e2a436-6ece-46e6-9e6d-1d29f3ddb7a5"; // published in sample code
    const args = ["--policy", "test/e2e/policy-missing-secret.yaml"];
    const picket = await Picket.spawn({ args, env: { PICKET_E2E_UNSET_SECRET: secret } });
    expect(await picket.ended()).toBe(1);
    expect(picket.output).toContain("env:PICKET_E2E_UNSET_SECRET: this secret is published");
    expect(picket.output).not.toContain(secret);
    picket.remove();
  });

  it("names what is damaged in the data directory, and how to begin anew", async () => {
    const picket = await Picket.start({ args: ["--no-demo"], regions: 3 });
    await picket.stop();
    const keys = join(picket.data, "picket.json");
    writeFileSync(keys, "{");
    const output = await refusal([], undefined, picket.data);
    expect(output).toContain(keys);
    expect(output).toContain("--fresh");
    picket.remove();
  });
});
