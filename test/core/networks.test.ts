import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { readNetwork } from "../../worker/policy/network.ts";
import { compileText, newCore, TestGateway } from "./core-fixture.ts";

const digest = (key: string) => createHash("sha256").update(key).digest("hex");
const core = newCore({ cells: 16, samples: 1 });

/** A gateway that takes one key, from these networks alone; answers why it is refused. */
async function gatewayOf(addresses: readonly string[]): Promise<(address: string | null) => number> {
  const policy = {
    picket: 1,
    services: [{ name: "s", match: { path: "/" }, upstream: "http://127.0.0.1:1", auth: ["keys"], operations: ["GET /x"] }],
    authenticators: [{ name: "keys", type: "api-key", keys: [{ id: "k", sha256: digest("key"), addresses }] }],
  };
  const gateway = new TestGateway(core, null);
  const { image } = await compileText(JSON.stringify(policy));
  new Uint8Array(core.memory.buffer, abi.IMAGE_SLOT_0, image.length).set(image);
  expect(core.image_load(0, image.length)).toBe(abi.LOAD_OK);
  core.image_activate(0);
  return (address) => gateway.decide({ path: "/x", address, credentials: [null, "key"] }).reason;
}

interface Address {
  text: string;
  isV4: boolean;
  value: bigint;
}

const octets = fc.array(fc.constantFrom(0, 1, 10, 127, 192, 203, 255), { minLength: 4, maxLength: 4 });
const v4: fc.Arbitrary<Address> = octets.map((parts) => ({
  text: parts.join("."),
  isV4: true,
  value: parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n),
}));
const words = fc.array(fc.constantFrom(0, 0, 0, 1, 0x2001, 0xdb8, 0x8000, 0xffff), { minLength: 8, maxLength: 8 });
const v6: fc.Arbitrary<Address> = words
  .filter((list) => !isMapped(list))
  .map((list) => ({
    text: list.map((word) => word.toString(16)).join(":"),
    isV4: false,
    value: list.reduce((sum, word) => (sum << 16n) | BigInt(word), 0n),
  }));
const isMapped = (list: number[]) => list.slice(0, 5).every((word) => word === 0) && list[5] === 0xffff;
const address = fc.oneof(v4, v6);

interface Cidr {
  text: string;
  isV4: boolean;
  first: bigint;
  hostBits: bigint;
}
const cidr: fc.Arbitrary<Cidr> = fc.tuple(address, fc.nat(128)).map(([{ isV4, value }, drawn]) => {
  const width = isV4 ? 32 : 128;
  const prefix = drawn % (width + 1);
  const hostBits = BigInt(width - prefix);
  const first = (value >> hostBits) << hostBits;
  const group = (at: number, bits: bigint) => Number((first >> (BigInt(width) - bits * BigInt(at + 1))) & ((1n << bits) - 1n));
  const text = isV4
    ? [0, 1, 2, 3].map((i) => group(i, 8n)).join(".")
    : [0, 1, 2, 3, 4, 5, 6, 7].map((i) => group(i, 16n).toString(16)).join(":");
  return { text: `${text}/${prefix}`, isV4, first, hostBits };
});
// IPv6 networks inside ::ffff:0:0/96 are IPv4 by another name, which the reference below does not know.
const usual = cidr.filter(({ isV4, first, hostBits }) => isV4 || hostBits > 32n || first >> 32n !== 0xffffn);

test("an address is let in exactly where a naive list of networks has it", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(usual, { minLength: 1, maxLength: abi.MAX_NETWORKS }),
      fc.array(address, { minLength: 1, maxLength: 20 }),
      async (networks, addresses) => {
        const reasonOf = await gatewayOf(networks.map(({ text }) => text));
        for (const { text, isV4, value } of addresses) {
          const inside = networks.some((one) => one.isV4 === isV4 && value >> one.hostBits === one.first >> one.hostBits);
          expect([text, reasonOf(text)]).toEqual([text, inside ? abi.REASON_NONE : abi.REASON_ADDRESS_NOT_ALLOWED]);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test("an IPv4-mapped address is that IPv4 address, and ::/0 has none of them", async () => {
  const reasonOf = await gatewayOf(["203.0.113.0/24"]);
  expect(reasonOf("::ffff:203.0.113.9")).toBe(abi.REASON_NONE);
  expect(reasonOf("::ffff:203.0.114.9")).toBe(abi.REASON_ADDRESS_NOT_ALLOWED);
  const everyV6 = await gatewayOf(["::/0"]);
  expect([everyV6("2001:db8::1"), everyV6("203.0.113.9")]).toEqual([abi.REASON_NONE, abi.REASON_ADDRESS_NOT_ALLOWED]);
});

test("who comes from nowhere is in no network; without a list anybody may call", async () => {
  const reasonOf = await gatewayOf(["0.0.0.0/0", "::/0"]);
  expect([reasonOf(null), reasonOf("unknown")]).toEqual([abi.REASON_ADDRESS_NOT_ALLOWED, abi.REASON_ADDRESS_NOT_ALLOWED]);
  expect((await gatewayOf([]))(null)).toBe(abi.REASON_NONE);
});

test.each([
  ["203.0.113.7", "00000000000000000000ffffcb00710780"],
  ["203.0.113.0/24", "00000000000000000000ffffcb00710078"],
  ["2001:DB8::/32", "20010db800000000000000000000000020"],
  ["::", "0000000000000000000000000000000080"],
  ["::ffff:192.0.2.1/128", "00000000000000000000ffffc000020180"],
])("%s is read", (text, bytes) => {
  const read = readNetwork(text);
  expect(read.ok && Buffer.from(read.value.bytes).toString("hex")).toBe(bytes);
});

test.each([
  ["203.0.113.1/24", "network_has_host_bits"],
  ["2001:db8::1/32", "network_has_host_bits"],
  ["203.0.113.0/33", "network_malformed"],
  ["203.0.113.0/024", "network_malformed"],
  ["203.0.113/24", "network_malformed"],
  ["203.0.0113.0/24", "network_malformed"],
  ["256.0.0.0/8", "network_malformed"],
  ["2001:db8::/129", "network_malformed"],
  ["2001:db8:::/32", "network_malformed"],
  ["1:2:3:4:5:6:7:8:9", "network_malformed"],
  ["1::2::3", "network_malformed"],
  ["fe80::1%eth0", "network_malformed"],
  ["[::1]", "network_malformed"],
  ["example.com", "network_malformed"],
  ["", "network_malformed"],
])("%s is refused", (text, code) => {
  expect(readNetwork(text)).toMatchObject({ ok: false, code });
});
