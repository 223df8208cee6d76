import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { newCore } from "./core-fixture.ts";

const OK = 0;
const MALFORMED = 1;
const TOO_DEEP = 2;
const TOO_MANY = 3;
const DUPLICATE = 4;
const TOO_LONG = 5;

const core = newCore() as unknown as { memory: WebAssembly.Memory; json_scan(address: number, length: number): number };
const memory = new Uint8Array(core.memory.buffer);
// An image slot that nothing is loaded into serves as working memory.
const TEXT = abi.IMAGE_SLOT_1;

/** JSON_* of a text; what stood behind it is never read as part of it. */
function scan(json: string | Uint8Array, behind = '"}]1e9'): number {
  const bytes = Buffer.from(json);
  memory.set(bytes, TEXT);
  memory.set(Buffer.from(behind), TEXT + bytes.length);
  return core.json_scan(TEXT, bytes.length);
}

/** Does JSON.parse take these bytes, and are they UTF-8 without a byte order mark (RFC 8259 §8.1)? */
function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}

describe("JSONTestSuite", () => {
  const folder = join(process.env.PICKET_CORPORA ?? "../shared/corpora", "json-parsing");
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
  if (files.length === 0) process.stderr.write(`no corpus json-parsing: 318 JSON texts are not judged\n`);

  // Where the core's answer differs from JSON.parse, and the bound that says so.
  const bounds: Record<string, number> = {
    "y_object_duplicated_key.json": DUPLICATE,
    "y_object_duplicated_key_and_value.json": DUPLICATE,
    "i_structure_500_nested_arrays.json": TOO_DEEP,
    "n_structure_100000_opening_arrays.json": TOO_LONG,
    "n_structure_open_array_object.json": TOO_LONG,
  };

  it.skipIf(files.length === 0)("is judged as by JSON.parse, but for the stated bounds", () => {
    const wrong: string[] = [];
    for (const name of files) {
      const bytes = readFileSync(join(folder, name));
      const expected = bounds[name] ?? (isJson(bytes) ? OK : MALFORMED);
      const answer = scan(bytes);
      // n_ files may fail at a bound before they fail at the grammar.
      if (name.startsWith("n_") && answer === TOO_DEEP) continue;
      if (answer !== expected) wrong.push(`${name}: ${answer}, not ${expected}`);
    }
    expect(wrong).toEqual([]);
    expect(files.length).toBe(318);
  });

  it.skipIf(files.length === 0)("is judged the same as a claim's value", () => {
    const wrong = files.filter((name) => {
      const claim = Buffer.concat([Buffer.from('{"claim":'), readFileSync(join(folder, name)), Buffer.from(',"x":1}')]);
      return scan(claim) === OK && !isJson(claim);
    });
    expect(wrong).toEqual([]);
  });
});

describe("against JSON.parse", () => {
  const json = fc.jsonValue({ maxDepth: 4, stringUnit: "binary" }).map((value) => JSON.stringify(value));

  it("takes what JSON.stringify writes, with any space around it", () => {
    const space = fc.string({ unit: fc.constantFrom(" ", "\t", "\n", "\r"), maxLength: 20 });
    fc.assert(
      fc.property(json, space, space, (text, before, after) => scan(before + text + after) === OK),
      { numRuns: 2000 },
    );
  });

  it("agrees on texts of which bytes were changed", () => {
    const edits = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(json, edits, (text, changes) => {
        const bytes = Buffer.from(text);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const answer = scan(bytes);
        return answer === OK ? isJson(bytes) : answer === DUPLICATE || !isJson(bytes);
      }),
      { numRuns: 20_000 },
    );
  });

  it("agrees on what is nearly a number", () => {
    const nearly = fc.string({ unit: fc.constantFrom(..."0123456789-+.eE/:,'"), minLength: 1, maxLength: 24 });
    fc.assert(
      fc.property(nearly, fc.constantFrom("", "1234567", "12345678", "1790812800"), (text, digits) => {
        const value = Buffer.from(digits + text);
        return (scan(value) === OK) === isJson(value);
      }),
      { numRuns: 20_000 },
    );
  });

  it("agrees on every first pair of bytes of a UTF-8 sequence", () => {
    const wrong: string[] = [];
    for (let pair = 0; pair < 0x10000; pair++) {
      for (const rest of [[], [0x80], [0xbf], [0x80, 0xbf], [0xc0, 0x80], [0x80, 0x7f]]) {
        const text = Uint8Array.from([0x22, pair >> 8, pair & 255, ...rest, 0x22]);
        if ((scan(text) === OK) !== isJson(text)) wrong.push(Buffer.from(text).toString("hex"));
      }
    }
    expect(wrong).toEqual([]);
  });

  it("agrees on strings of every length around the 16 bytes of a step", () => {
    for (let length = 0; length < 70; length++) {
      for (const end of ['"', "\\", "\n", "\x7f", "é", "\ud83d\ude00", "\\u0041", "\\ud800", "\\u004", "\\/"]) {
        const text = Buffer.from(`"${"a".repeat(length)}${end}"`);
        expect([length, end, scan(text) === OK]).toEqual([length, end, isJson(text)]);
      }
    }
  });
});

describe("its own bounds", () => {
  it("are depth, members and length", () => {
    const nested = (depth: number) => `${'{"a":['.repeat(depth / 2)}${"]}".repeat(depth / 2)}`;
    const members = (count: number) => JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i}`, i])));
    expect([scan(nested(abi.MAX_JSON_DEPTH)), scan(nested(abi.MAX_JSON_DEPTH + 2))]).toEqual([OK, TOO_DEEP]);
    expect([scan(`${"[".repeat(8)}${"]".repeat(8)}`), scan(`${"[".repeat(9)}${"]".repeat(9)}`)]).toEqual([OK, TOO_DEEP]);
    expect([scan(members(abi.MAX_CLAIMS)), scan(members(abi.MAX_CLAIMS + 1))]).toEqual([OK, TOO_MANY]);
    expect([scan("1".padStart(abi.MAX_TOKEN)), scan("1".padStart(abi.MAX_TOKEN + 1))]).toEqual([OK, TOO_LONG]);
  });

  it("refuse a name twice, however it is spelt, in the outer object", () => {
    expect(scan('{"iss":1,"\\u0069ss":2}')).toBe(DUPLICATE);
    expect(scan('{"\\ud83d\\ude00":1,"😀":2}')).toBe(DUPLICATE);
    expect(scan('{"":1,"":2}')).toBe(DUPLICATE);
    expect(scan('{"a":{"b":1,"b":2}}')).toBe(OK);
    expect(scan('{"exp":1,"exp\\u0000":2,"\\u0000exp":3,"ex":4,"expx":5}')).toBe(OK);
    expect(scan('{"\\ud800":1,"\\udc00":2,"\\ufffd":3}')).toBe(OK);
  });

  it("find the duplicate among any names, and none where there is none", () => {
    // Long names that share their last eight bytes share a hash, too.
    const name = fc.oneof(
      fc.string({ unit: "binary", maxLength: 12 }),
      fc.nat(9999).map((n) => `https://claims.example/${n}/shared-end`),
    );
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 60 }), fc.nat(), (names, again) => {
        const member = (one: string) => `${JSON.stringify(one)}:0`;
        const twice = [...names, names[again % names.length] ?? ""];
        return scan(`{${names.map(member)}}`) === OK && scan(`{${twice.map(member)}}`) === DUPLICATE;
      }),
      { numRuns: 2000 },
    );
  });
});
