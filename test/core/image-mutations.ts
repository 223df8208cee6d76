import { createHash, createHmac } from "node:crypto";
import { seededRandom } from "../../cli/random.ts";
import * as abi from "../../wasm/abi.ts";
import { compileText, newCore, sealImage, secretNamed, signToken, TestGateway } from "./core-fixture.ts";
import { base64url, cwtBytes, EXP, header, SUB } from "./cwt-fixture.ts";
import { decidePolicy } from "./decide-policy.ts";

const digest = (key: string) => createHash("sha256").update(key).digest("hex");
const paths = [
  "/",
  "/fleet/devices/7",
  "/fleet/devices/7/telemetry",
  "/closed/known",
  "/own/s/devices/7",
  "/fleet/keys",
  "/closed/x",
  "/public/files/a/b/c",
  "/Public/ping",
  "/a/%41/b",
  "/fleet",
];

export interface ImageFuzz {
  /** Mutated images that image_load let pass, each driven through a decide() for every path. */
  loaded: number;
  refused: number;
  /** Traps of load or decide: always a bug. */
  traps: { seed: number; round: number; error: string }[];
}

const cwtAuthenticators = `
  - { name: sensors, type: cwt, issuer: coap://as, audience: fleet, derive: { secret: "env:MASTER", scopes: ["telemetry:write"] } }
  - { name: meters, type: cwt, issuer: coap://meters, audience: fleet, keys: [{ kid: d, secret: "env:METERS" }] }
`.slice(1);

function deviceToken(ref: string, isDerived: boolean, exp: number): string {
  const secret = secretNamed(ref);
  const key = isDerived ? createHmac("sha256", secret).update("d\u0001").digest() : Buffer.from(secret);
  const claims = new Map<number | string, unknown>([
    [1, isDerived ? "coap://as" : "coap://meters"],
    [SUB, "d"],
    [3, ["fleet"]],
    [EXP, exp],
    ["dev", 7],
  ]);
  return base64url(cwtBytes(claims, key, { protectedHeader: header("d") }));
}

/** Loads `count` mutated images, with their checksums made good, and decides requests under those that are let pass. */
export async function mutateImages(count: number, seed: number, progress: (done: number) => void = () => {}): Promise<ImageFuzz> {
  const text = decidePolicy
    .replace('"ACME"', `"${digest("acme-key")}"`)
    .replace('"LATE"', `"${digest("late-key")}"`)
    .replace("auth: [device-tokens, partner-keys]", "auth: [device-tokens, sensors, meters, partner-keys]")
    .replace("authenticators:\n", `authenticators:\n${cwtAuthenticators}`);
  const { image } = await compileText(text);
  const exp = Date.UTC(2026, 9, 1) / 1000 + 60;
  const claims = {
    iss: "https://id.example",
    aud: "fleet",
    sub: "s",
    dev: "7",
    scope: "telemetry:write",
    roles: ["operator"],
    exp,
  };
  const token = signToken(claims, secretNamed("env:DEVICE_SECRET"), { kid: "d1" });
  const tokens = [token, ...["env:MASTER", "env:METERS"].map((ref, i) => deviceToken(ref, i === 0, exp))];
  const draw = seededRandom(seed);
  const result: ImageFuzz = { loaded: 0, refused: 0, traps: [] };
  let gateway = new TestGateway(newCore(), image);
  let slot = 1;
  for (let round = 0; round < count; round++) {
    if (round % 50_000 === 0) progress(round);
    const mutant = image.slice();
    for (let changes = 1 + draw.below(4); changes > 0; changes--) change(mutant, draw);
    sealImage(mutant);
    try {
      const base = slot === 0 ? abi.IMAGE_SLOT_0 : abi.IMAGE_SLOT_1;
      new Uint8Array(gateway.core.memory.buffer, base, mutant.length).set(mutant);
      if (gateway.core.image_load(slot, mutant.length) !== abi.LOAD_OK) {
        result.refused++;
        continue;
      }
      gateway.core.image_activate(slot);
      slot ^= 1;
      result.loaded++;
      for (const path of paths) {
        const method = draw.next() < 0.5 ? "GET" : "POST";
        const { ticket, operation } = gateway.decide({
          path,
          method,
          host: "api.example.com:80",
          credentials: [`Bearer ${draw.pick(tokens)}`, "acme-key"],
        });
        gateway.core.settle(ticket, operation, 200, 0, 1, 0, 0);
      }
    } catch (error) {
      result.traps.push({ seed, round, error: String(error) });
      gateway = new TestGateway(newCore(), image);
      slot = 1;
    }
  }
  return result;
}

/** A flipped bit, a byte of choice, or a word of an interesting value: the header's own fields are changed as well. */
function change(image: Uint8Array, draw: ReturnType<typeof seededRandom>): void {
  const at = draw.below(image.length);
  const kind = draw.next();
  if (kind < 0.4) image[at] = (image[at] ?? 0) ^ (1 << draw.below(8));
  else if (kind < 0.6) image[at] = draw.below(256);
  else {
    const word = draw.pick([0, 1, 2, 7, 8, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, image.length, draw.below(64)]);
    new DataView(image.buffer, image.byteOffset).setUint32(Math.min(at & ~3, image.length - 4), word >>> 0, true);
  }
}
