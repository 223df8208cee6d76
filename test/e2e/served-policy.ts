import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { Picket } from "./picket-process.ts";
import { environment, policyFile, policyText } from "./policy.ts";
import { startUpstream, type Upstream } from "./upstream.ts";

/** `npm start -- --policy FILE` in front of an upstream, both of the test file that asks for them. Set once its tests run. */
export class ServedPolicy {
  picket!: Picket;
  upstream!: Upstream;
  text!: string;
  file!: string;

  async start(regions: readonly string[]): Promise<void> {
    this.upstream = await startUpstream();
    this.text = policyText(this.upstream.origin);
    this.file = policyFile(this.text);
    const args = ["--policy", this.file, ...(regions.length > 0 ? ["--regions", regions.join(",")] : [])];
    this.picket = await Picket.start({ args, regions: Math.max(1, regions.length), env: environment });
  }

  async stop(): Promise<void> {
    await this.picket.stop();
    this.picket.remove();
    await this.upstream.close();
    rmSync(dirname(this.file), { recursive: true });
  }
}

/** Starts before the file's tests and stops after them; without names there is one region. */
export function servePolicy(...regions: string[]): ServedPolicy {
  const served = new ServedPolicy();
  beforeAll(() => served.start(regions));
  afterAll(() => served.stop());
  return served;
}
