import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { encodeItem, type Item, isDeterministic } from "./cbor-reference.ts";
import { newCore } from "./core-fixture.ts";
import { type CwtCore, fromHex } from "./cwt-fixture.ts";

const core = newCore() as CwtCore;
const memory = new Uint8Array(core.memory.buffer);
// An image slot that nothing is loaded into serves as working memory.
const ITEM = abi.IMAGE_SLOT_1;

/** Does the core take these bytes? What stands behind them would go on with a text, a number or a container. */
function scan(bytes: Uint8Array): boolean {
  memory.set(bytes, ITEM);
  memory.set(fromHex("010261618001ff00"), ITEM + bytes.length);
  return core.cbor_scan(ITEM, bytes.length) === 1;
}

const both = (hex: string) => [scan(fromHex(hex)), isDeterministic(fromHex(hex))];

const bytes = fc.uint8Array({ maxLength: 30 });
const { item } = fc.letrec<{ item: Item; key: Item }>((tie) => ({
  key: fc.oneof(
    fc.bigInt({ min: -(1n << 64n), max: (1n << 64n) - 1n }).map((value): Item => ({ type: "integer", value })),
    fc.integer({ min: -300, max: 300 }).map((value): Item => ({ type: "integer", value: BigInt(value) })),
    fc.string({ unit: "binary", maxLength: 30 }).map((text): Item => ({ type: "text", value: Buffer.from(text) })),
  ),
  item: fc.oneof(
    { maxDepth: 9, withCrossShrink: true },
    tie("key"),
    bytes.map((value): Item => ({ type: "bytes", value })),
    bytes.map((value): Item => ({ type: "text", value })),
    fc.double().map((value): Item => ({ type: "float", value })),
    fc.float().map((value): Item => ({ type: "float", value })),
    fc.integer({ min: -3000, max: 3000 }).map((value): Item => ({ type: "float", value: value / 64 })),
    fc.integer({ min: 18, max: 25 }).map((value): Item => ({ type: "simple", value })),
    fc.array(tie("item"), { maxLength: 4 }).map((items): Item => ({ type: "array", items })),
    fc.array(fc.tuple(tie("key"), tie("item")), { maxLength: 4 }).map((members): Item => ({ type: "map", members })),
    fc.tuple(fc.bigInt({ min: 0n, max: 70000n }), tie("item")).map(([tag, one]): Item => ({ type: "tag", tag, item: one })),
  ),
}));

describe("the CBOR reader", () => {
  it("takes what the reference encodes, within the bounds, and nothing with a byte more or less", () => {
    let taken = 0;
    fc.assert(
      fc.property(item, (one) => {
        const encoded = Uint8Array.from(encodeItem(one));
        const expected = isDeterministic(encoded);
        if (expected) taken++;
        return scan(encoded) === expected && !scan(Uint8Array.of(...encoded, 0)) && !scan(encoded.subarray(0, -1));
      }),
      { numRuns: 20_000 },
    );
    expect(taken).toBeGreaterThan(5_000);
  });

  it("agrees with the reference on encodings with a byte changed, put in or taken out", () => {
    let agreed = 0;
    fc.assert(
      fc.property(item, fc.nat(), fc.nat(255), fc.nat(2), (one, place, byte, kind) => {
        const encoded = encodeItem(one);
        encoded.splice(place % encoded.length, kind === 0 ? 0 : 1, ...(kind === 1 ? [] : [byte]));
        const mutant = Uint8Array.from(encoded);
        if (isDeterministic(mutant)) agreed++;
        return scan(mutant) === isDeterministic(mutant);
      }),
      { numRuns: 40_000 },
    );
    expect(agreed).toBeGreaterThan(500);
  });

  it("agrees with the reference on random bytes, and on every half and every first two bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), (random) => scan(random) === isDeterministic(random)),
      { numRuns: 20_000 },
    );
    for (let bits = 0; bits < 0x10000; bits++) {
      const half = Uint8Array.of(0xf9, bits >> 8, bits & 255);
      const two = half.subarray(1);
      if (scan(half) !== isDeterministic(half) || scan(two) !== isDeterministic(two)) expect(bits).toBe("agreed on");
    }
  });

  it.each([
    ["an indefinite byte string", "5f4101ff"],
    ["an indefinite text", "7f6161ff"],
    ["an indefinite array", "9f01ff"],
    ["an indefinite map", "bf0101ff"],
    ["a break", "ff"],
    ["a reserved length", "1c"],
    ["23 in two bytes", "1817"],
    ["255 in three bytes", "1900ff"],
    ["65535 in five bytes", "1a0000ffff"],
    ["2^32-1 in nine bytes", "1b00000000ffffffff"],
    ["a short string's length in two bytes", "580161"],
    ["a tag in more bytes than it needs", "d81180"],
    ["a key twice", "a201010102"],
    ["a text key twice", "a2616101616102"],
    ["keys in another order", "a202010101"],
    ["keys in the length-first order of RFC 7049", "a220011818 01".replaceAll(" ", "")],
    ["an array as a key", "a18001"],
    ["a byte string as a key", "a1410101"],
    ["no bytes at all", ""],
    ["a cut head", "1901"],
    ["a cut string", "43aabb"],
    ["a length of 2^64-1", "5bffffffffffffffff"],
    ["a length of 2^63", "7b8000000000000000"],
    ["a length that wraps a 32-bit address", "5affffffff00"],
    ["an array of 2^64-1", "9bffffffffffffffff01"],
    ["a map of 2^32-1", "baffffffff0101"],
    ["no UTF-8", "61ff"],
    ["UTF-8 that is cut", "62c3"],
    ["UTF-8 whose rest stands behind the string", "8261c341a9"],
    ["a surrogate", "63eda080"],
    ["an overlong character", "62c080"],
    ["an unassigned simple value", "e0"],
    ["a simple value in two bytes", "f820"],
    ["1.5 as a single", "fa3fc00000"],
    ["a single as a double", "fb3ff8000000000000"],
    ["another NaN", "f97e01"],
    ["NaN as a double", "fb7ff8000000000000"],
    ["nine arrays", `${"81".repeat(9)}01`],
    ["nine tags", `${"c1".repeat(9)}01`],
    ["a byte behind the item", "0101"],
  ])("refuses %s", (_, hex) => {
    expect(both(hex)).toEqual([false, false]);
  });

  it.each([
    ["24 in two bytes", "1818"],
    ["-2^64", "3bffffffffffffffff"],
    ["65504.0, the largest half", "f97bff"],
    ["the smallest half below zero", "f98001"],
    ["1443944944.5", "fb41d584367c200000"],
    ["keys of both kinds in order", "a40101 181801 2001 616101".replaceAll(" ", "")],
    ["eight arrays", `${"81".repeat(8)}01`],
    ["an empty map", "a0"],
    ["a character of four bytes", "64f09f9880"],
  ])("takes %s", (_, hex) => {
    expect(both(hex)).toEqual([true, true]);
  });

  it("reads no more than MAX_TOKEN bytes", () => {
    const most = Uint8Array.of(0x59, 0x1f, 0xfd, ...new Uint8Array(0x1ffd));
    expect(most.length).toBe(abi.MAX_TOKEN);
    expect(scan(most)).toBe(true);
    expect(scan(Uint8Array.of(0x59, 0x1f, 0xfe, ...new Uint8Array(0x1ffe)))).toBe(false);
  });
});
