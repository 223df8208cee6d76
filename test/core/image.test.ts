import { createHash } from "node:crypto";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { compileText, coreModule, loadImage, newCore, sealImage, type TestCore, TestGateway } from "./core-fixture.ts";
import { decidePolicy } from "./decide-policy.ts";

const digest = (key: string) => createHash("sha256").update(key).digest("hex");

let image: Uint8Array;
let core: TestCore;

beforeAll(async () => {
  image = (await compileText(decidePolicy.replace("ACME", digest("acme-key")).replace("LATE", digest("late-key")))).image;
});

beforeEach(() => {
  core = newCore();
});

const recordSizes: Record<number, number> = {
  [abi.SECTION_SERVICES]: abi.SERVICE_SIZE,
  [abi.SECTION_NODES]: abi.NODE_SIZE,
  [abi.SECTION_EDGES]: abi.EDGE_SIZE,
  [abi.SECTION_OPERATIONS]: abi.OPERATION_SIZE,
  [abi.SECTION_LIMITS]: abi.LIMIT_SIZE,
  [abi.SECTION_AUTHENTICATORS]: abi.AUTH_SIZE,
  [abi.SECTION_HMAC_KEYS]: abi.HMAC_KEY_SIZE,
  [abi.SECTION_API_KEYS]: abi.API_KEY_SIZE,
  [abi.SECTION_STRINGS]: 8,
  [abi.SECTION_REFS]: 4,
  [abi.SECTION_BYTES]: 1,
};

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

function offsetOf(section: number, record: number, field: number): number {
  return view(image).getUint32(abi.HEADER_SECTIONS + section * 8, true) + record * (recordSizes[section] ?? 0) + field;
}

function countOf(section: number): number {
  return view(image).getUint32(abi.HEADER_SECTIONS + section * 8 + 4, true);
}

type Change = (bytes: DataView) => void;

/** What image_load says of the image with a change, its checksum made good. */
function loadChanged(change: Change): number {
  const changed = image.slice();
  change(view(changed));
  return loadImage(core, sealImage(changed));
}

const setInt =
  (section: number, record: number, field: number, value: number): Change =>
  (bytes) =>
    bytes.setInt32(offsetOf(section, record, field), value, true);

const setFloat =
  (section: number, record: number, field: number, value: number): Change =>
  (bytes) =>
    bytes.setFloat64(offsetOf(section, record, field), value, true);

/** One public service at /a with GET /a/{x}, as wasm/abi.ts lays it out. */
const golden = [
  "504b54310400000009000000", // magic, ABI version, policy version
  "c0010000a85e794f00000000", // length, checksum, padding
  "07070707070707070707070707070707", // seed
  "8000000001000000a800000003000000f000000001000000000100000300000090010000000000009001000000000000", // section directory
  "9001000000000000900100000000000090010000010000009801000008000000b801000003000000",
  "ffffffff00000000000000000100000001000000000000000000000000000000220b02864cee63af", // services
  "0000000001000000ffffffffffffffffffffffff00000000010000000000000002000000ffffffffffffffff00000000", // nodes
  "0100000000000000ffffffffffffffff0000000000000000",
  "02000000010000000100000000000000", // edges
  "ffffffff000000000000000000000000000000000100000000000000000000000000000000000000554508b5077e5408", // operations
  "000000000000000000000000000000000000000001000000000000000000000000000000000000003637885c19fbd181",
  "0000000000000000000000000000000000000000010000000000000000000000000000000000000003a8294472c3ff32",
  "0000000002000000", // strings
  "ffffffff02000000ffffffffffffffffffffffffffffffffffffffffffffffff", // refs
  "2f61610000000000", // bytes
].join("");

describe("the layout", () => {
  test("golden bytes: the same policy gives the same image, and that image loads and decides", async () => {
    const text = JSON.stringify({
      picket: 1,
      services: [{ name: "s", match: { path: "/a" }, upstream: "http://127.0.0.1:1", auth: [], operations: ["GET /a/{x}"] }],
    });
    const { image: bytes } = await compileText(text, 9);
    expect(Buffer.from(bytes).toString("hex")).toBe(golden);
    const gateway = new TestGateway(core, bytes);
    expect(gateway.decide({ path: "/a/b" })).toMatchObject({ verdict: abi.VERDICT_ALLOW, reason: abi.REASON_NONE });
  });
});

describe("refuses", () => {
  test("what is too short, too long, of another kind, or damaged", () => {
    expect(core.image_load(0, abi.IMAGE_HEADER - 1)).toBe(abi.LOAD_TOO_SHORT);
    expect(core.image_load(0, -1)).toBe(abi.LOAD_BAD_LENGTH);
    expect(core.image_load(0, abi.IMAGE_SIZE + 1)).toBe(abi.LOAD_BAD_LENGTH);
    expect(core.image_load(2, image.length)).toBe(abi.LOAD_BAD_VALUE);
    expect(loadImage(core, new Uint8Array(1000))).toBe(abi.LOAD_BAD_MAGIC);
    expect(loadChanged((bytes) => bytes.setUint32(abi.HEADER_ABI, abi.ABI_VERSION + 1, true))).toBe(abi.LOAD_WRONG_ABI);
    expect(loadImage(core, image.subarray(0, image.length - 8))).toBe(abi.LOAD_BAD_LENGTH);
    for (const at of [abi.HEADER_CHECKSUM, abi.HEADER_SECTIONS, abi.IMAGE_HEADER, image.length - 1]) {
      const damaged = image.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect([at, loadImage(core, damaged)]).toEqual([at, abi.LOAD_BAD_CHECKSUM]);
    }
  });

  test("sections that are out of order, misaligned, overlapping or beyond the end", () => {
    const directory = (section: number, field: number, value: number): Change => {
      return (bytes) => bytes.setUint32(abi.HEADER_SECTIONS + section * 8 + field, value, true);
    };
    const nodes = offsetOf(abi.SECTION_NODES, 0, 0);
    const changes = [
      directory(abi.SECTION_SERVICES, 0, 0),
      directory(abi.SECTION_NODES, 0, nodes + 4),
      directory(abi.SECTION_EDGES, 0, nodes),
      directory(abi.SECTION_BYTES, 0, image.length + 8),
      directory(abi.SECTION_BYTES, 4, image.length),
      directory(abi.SECTION_LIMITS, 4, 0xffffffff),
      directory(abi.SECTION_NODES, 4, Math.ceil(2 ** 32 / abi.NODE_SIZE)), // its bytes overflow 32 bits
    ];
    expect(changes.map(loadChanged)).toEqual(changes.map(() => abi.LOAD_BAD_SECTION));
  });

  const references: [string, number, number, number[]][] = [
    ["service host", abi.SECTION_SERVICES, abi.SERVICE_HOST, [-2, 9999]],
    ["service prefix", abi.SECTION_SERVICES, abi.SERVICE_PREFIX, [-1, 9999]],
    ["service root", abi.SECTION_SERVICES, abi.SERVICE_ROOT, [-1, 9999]],
    ["service undocumented", abi.SECTION_SERVICES, abi.SERVICE_UNDOCUMENTED, [-1, 9999]],
    ["service authenticators", abi.SECTION_SERVICES, abi.SERVICE_AUTHS_COUNT, [-1, 9999]],
    ["node edges", abi.SECTION_NODES, abi.NODE_EDGES_COUNT, [-1, 9999]],
    ["node parameter", abi.SECTION_NODES, abi.NODE_PARAMETER, [-2, 9999]],
    ["node wildcard", abi.SECTION_NODES, abi.NODE_WILDCARD, [-2, 9999]],
    ["node methods", abi.SECTION_NODES, abi.NODE_METHODS_FIRST, [-2, 9999]],
    ["edge bytes", abi.SECTION_EDGES, abi.EDGE_OFFSET, [-1, 99999]],
    ["edge child", abi.SECTION_EDGES, abi.EDGE_CHILD, [-2, 9999]],
    ["operation 0's service", abi.SECTION_OPERATIONS, abi.OPERATION_SERVICE, [0, 9999]],
    ["operation scopes", abi.SECTION_OPERATIONS, abi.OPERATION_SCOPES_COUNT, [-1, 9999]],
    ["operation limits", abi.SECTION_OPERATIONS, abi.OPERATION_LIMITS_FIRST, [-1]],
    ["limit's parts", abi.SECTION_LIMITS, abi.LIMIT_PARTS_FIRST, [-1, 99999]],
    ["roles", abi.SECTION_AUTHENTICATORS, abi.AUTH_ROLES_FIRST, [-1, 99999]],
    ["roles' claim", abi.SECTION_AUTHENTICATORS, abi.AUTH_ROLES_CLAIM, [-2, 9999]],
    ["firmware's claim", abi.SECTION_AUTHENTICATORS, abi.AUTH_FIRMWARE, [-2, 9999]],
    ["issuer", abi.SECTION_AUTHENTICATORS, abi.AUTH_ISSUER, [-2, 9999]],
    ["typ", abi.SECTION_AUTHENTICATORS, abi.AUTH_TYP, [-2, 9999]],
    ["audiences", abi.SECTION_AUTHENTICATORS, abi.AUTH_AUDIENCES_COUNT, [-1, 9999]],
    ["keys", abi.SECTION_AUTHENTICATORS, abi.AUTH_KEYS_COUNT, [-1, 9999]],
    ["device scopes", abi.SECTION_AUTHENTICATORS, abi.AUTH_SCOPES, [-2, 9999]],
    ["authenticator name", abi.SECTION_AUTHENTICATORS, abi.AUTH_NAME, [-1, 9999]],
    ["kid", abi.SECTION_HMAC_KEYS, abi.HMAC_KEY_KID, [-2, 9999]],
    ["API key's authenticator", abi.SECTION_API_KEYS, abi.API_KEY_AUTHENTICATOR, [-1, 9999]],
    ["API key's id", abi.SECTION_API_KEYS, abi.API_KEY_ID, [-1, 9999]],
    ["API key's networks", abi.SECTION_API_KEYS, abi.API_KEY_NETWORKS, [-2, 9999]],
    ["environment", abi.SECTION_AUTHENTICATORS, abi.AUTH_ENVIRONMENT, [-2, 9999]],
    ["API key's scopes", abi.SECTION_API_KEYS, abi.API_KEY_SCOPES, [-2, 9999]],
    ["string", abi.SECTION_STRINGS, 4, [-1, 99999]],
  ];
  test.each(references)("a reference out of its section: %s", (_, section, field, values) => {
    for (const value of values) {
      expect([value, loadChanged(setInt(section, 0, field, value))]).toEqual([value, abi.LOAD_BAD_REFERENCE]);
    }
  });

  const values: [string, number, number, number[]][] = [
    ["undocumented mode", abi.SECTION_SERVICES, abi.SERVICE_UNDOCUMENTED_MODE, [-1, 3]],
    ["service flags", abi.SECTION_SERVICES, abi.SERVICE_FLAGS, [2]],
    ["another service's undocumented", abi.SECTION_SERVICES, abi.SERVICE_UNDOCUMENTED, [0]],
    ["number of limits", abi.SECTION_OPERATIONS, abi.OPERATION_LIMITS_COUNT, [abi.MAX_REQUEST_LIMITS + 1, -1]],
    ["cost", abi.SECTION_OPERATIONS, abi.OPERATION_COST, [0, abi.MAX_COST + 1, -1]],
    ["number of binds", abi.SECTION_OPERATIONS, abi.OPERATION_BINDS_COUNT, [abi.MAX_BINDS + 1, -1]],
    ["number of a limit's parts", abi.SECTION_LIMITS, abi.LIMIT_PARTS_COUNT, [0, abi.MAX_KEY_PARTS + 1, -1]],
    ["limit flags", abi.SECTION_LIMITS, abi.LIMIT_FLAGS, [64, -1]],
    ["limit kind", abi.SECTION_LIMITS, abi.LIMIT_KIND, [abi.LIMIT_QUOTA, abi.LIMIT_CONCURRENT, abi.LIMIT_KIND_COUNT, -1]],
    ["what a limit counts", abi.SECTION_LIMITS, abi.LIMIT_COUNTS, [abi.COUNT_KINDS, -1]],
    ["a time in flight", abi.SECTION_LIMITS, abi.LIMIT_HOLD_S, [1, -1]],
    ["burst", abi.SECTION_LIMITS, abi.LIMIT_BURST, [0]],
    ["authenticator type", abi.SECTION_AUTHENTICATORS, abi.AUTH_TYPE, [3, -1]],
    ["authenticator flags", abi.SECTION_AUTHENTICATORS, abi.AUTH_FLAGS, [4, abi.AUTH_STORED, 512, -1]],
    ["proofs without an age, or what belongs to proofs", abi.SECTION_AUTHENTICATORS, abi.AUTH_FLAGS, [16, 32, 64]],
    ["an age without proofs", abi.SECTION_AUTHENTICATORS, abi.AUTH_PROOF_AGE_S, [1, -1]],
    ["credential slot", abi.SECTION_AUTHENTICATORS, abi.AUTH_SLOT, [abi.CREDENTIAL_SLOTS, -1]],
    ["algorithms", abi.SECTION_AUTHENTICATORS, abi.AUTH_ALGORITHMS, [1 << abi.ALG_COUNT, -1]],
    ["kind", abi.SECTION_AUTHENTICATORS, abi.AUTH_KIND, [6, -1]],
    ["tolerance", abi.SECTION_AUTHENTICATORS, abi.AUTH_TOLERANCE_S, [-1]],
    ["custom claims", abi.SECTION_AUTHENTICATORS, abi.AUTH_CLAIMS_COUNT, [abi.MAX_CUSTOM_CLAIMS + 1, -1]],
    ["roles", abi.SECTION_AUTHENTICATORS, abi.AUTH_ROLES_COUNT, [abi.MAX_ROLES + 1, -1]],
    ["API key's networks that are none", abi.SECTION_API_KEYS, abi.API_KEY_NETWORKS, [0]],
    ["API key's kind", abi.SECTION_API_KEYS, abi.API_KEY_KIND, [6, -1]],
  ];
  test.each(values)("a number outside its meaning: %s", (_, section, field, numbers) => {
    for (const value of numbers) {
      expect([value, loadChanged(setInt(section, 0, field, value))]).toEqual([value, abi.LOAD_BAD_VALUE]);
    }
  });

  test("binds that a walk along the path cannot follow, and carriers that are none", () => {
    const field = (record: number, at: number) => view(image).getInt32(offsetOf(abi.SECTION_OPERATIONS, record, at), true);
    const records = Array.from({ length: countOf(abi.SECTION_OPERATIONS) }, (_, record) => record);
    const bound = records.find((record) => field(record, abi.OPERATION_BINDS_COUNT) === 2) ?? -1;
    const first = field(bound, abi.OPERATION_BINDS_FIRST);
    const ref = (item: number, value: number) => loadChanged(setInt(abi.SECTION_REFS, first + item, 0, value));
    const operation = (at: number, value: number) => loadChanged(setInt(abi.SECTION_OPERATIONS, bound, at, value));
    expect([ref(0, -1), ref(2, abi.MAX_SEGMENTS)]).toEqual([abi.LOAD_BAD_VALUE, abi.LOAD_BAD_VALUE]);
    expect([ref(1, -2), ref(1, abi.MAX_CUSTOM_CLAIMS)]).toEqual([abi.LOAD_BAD_VALUE, abi.LOAD_BAD_VALUE]);
    expect([ref(0, 3), ref(0, 4), ref(0, 2)]).toEqual([abi.LOAD_BAD_ORDER, abi.LOAD_BAD_ORDER, abi.LOAD_OK]);
    const scoped = records.find((record) => field(record, abi.OPERATION_SCOPES_COUNT) > 0) ?? -1;
    const carriers = setInt(abi.SECTION_OPERATIONS, scoped, abi.OPERATION_CARRIERS_FIRST, countOf(abi.SECTION_REFS));
    expect(loadChanged(carriers)).toBe(abi.LOAD_BAD_REFERENCE);
    expect(operation(abi.OPERATION_BINDS_FIRST, -1)).toBe(abi.LOAD_BAD_REFERENCE);
    expect(operation(abi.OPERATION_BINDS_FIRST, countOf(abi.SECTION_REFS) - 3)).toBe(abi.LOAD_BAD_REFERENCE);
  });

  test("parts that a limit cannot count by", () => {
    const first = view(image).getUint32(offsetOf(abi.SECTION_LIMITS, 0, abi.LIMIT_PARTS_FIRST), true);
    const part = (kind: number, argument: number) =>
      loadChanged((bytes) => {
        setInt(abi.SECTION_REFS, first, 0, kind)(bytes);
        setInt(abi.SECTION_REFS, first + 1, 0, argument)(bytes);
      });
    const bad = [
      [-1, -1],
      [abi.KEY_COUNT, -1],
      [abi.KEY_ADDRESS, 0],
      [abi.KEY_CLAIM, -1],
      [abi.KEY_CLAIM, abi.MAX_CUSTOM_CLAIMS],
      [abi.KEY_PARAMETER, -2],
      [abi.KEY_PARAMETER, abi.MAX_SEGMENTS],
      [abi.KEY_HEADER, -1],
      [abi.KEY_HEADER, abi.KEY_HEADERS],
    ] as const;
    for (const [kind, argument] of bad)
      expect([kind, argument, part(kind, argument)]).toEqual([kind, argument, abi.LOAD_BAD_VALUE]);
    const good = [
      [abi.KEY_ADDRESS, -1],
      [abi.KEY_CLAIM, 7],
      [abi.KEY_PARAMETER, -1],
      [abi.KEY_PARAMETER, 63],
      [abi.KEY_HEADER, 3],
    ] as const;
    for (const [kind, argument] of good) expect([kind, argument, part(kind, argument)]).toEqual([kind, argument, abi.LOAD_OK]);
  });

  test("times that are none", () => {
    const bad = [0, -1, 0.5, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53];
    for (const value of bad) {
      expect(loadChanged(setFloat(abi.SECTION_LIMITS, 0, abi.LIMIT_INTERVAL_US, value))).toBe(abi.LOAD_BAD_VALUE);
      const verifications = setFloat(abi.SECTION_AUTHENTICATORS, 0, abi.AUTH_VERIFY_INTERVAL_US, value);
      expect(loadChanged(verifications)).toBe(abi.LOAD_BAD_VALUE);
    }
    for (const value of bad.slice(1)) {
      expect(loadChanged(setFloat(abi.SECTION_LIMITS, 0, abi.LIMIT_TOLERANCE_US, value))).toBe(abi.LOAD_BAD_VALUE);
    }
    for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(loadChanged(setFloat(abi.SECTION_API_KEYS, 0, abi.API_KEY_EXPIRES_MS, value))).toBe(abi.LOAD_BAD_VALUE);
    }
  });

  test("what is not in its order", () => {
    const swap =
      (section: number, a: number, b: number): Change =>
      (bytes) => {
        const size = recordSizes[section] ?? 0;
        for (let i = 0; i < size; i++) {
          const [from, to] = [offsetOf(section, a, i), offsetOf(section, b, i)];
          const byte = bytes.getUint8(from);
          bytes.setUint8(from, bytes.getUint8(to));
          bytes.setUint8(to, byte);
        }
      };
    expect(loadChanged(swap(abi.SECTION_API_KEYS, 0, 1))).toBe(abi.LOAD_BAD_ORDER);
    // A host's service behind one for any host.
    const host = view(image).getInt32(offsetOf(abi.SECTION_SERVICES, 0, abi.SERVICE_HOST), true);
    expect(host).not.toBe(-1);
    const last = countOf(abi.SECTION_SERVICES) - 1;
    expect(loadChanged(setInt(abi.SECTION_SERVICES, last, abi.SERVICE_HOST, host))).toBe(abi.LOAD_BAD_ORDER);
    // A cycle, and a node with two parents.
    const child = view(image).getInt32(offsetOf(abi.SECTION_EDGES, 0, abi.EDGE_CHILD), true);
    expect(loadChanged(setInt(abi.SECTION_NODES, child, abi.NODE_PARAMETER, 0))).toBe(abi.LOAD_BAD_ORDER);
    expect(loadChanged(setInt(abi.SECTION_NODES, 0, abi.NODE_PARAMETER, child))).toBe(abi.LOAD_BAD_ORDER);
  });
});

describe("two slots", () => {
  test("a failed load leaves the policy in force untouched", () => {
    const gateway = new TestGateway(core, image);
    const ping = () => gateway.decide({ path: "/public/ping" }).reason;
    const damaged = image.slice();
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 0xff;
    expect(ping()).toBe(abi.REASON_NONE);
    expect(loadImage(core, damaged, 1)).toBe(abi.LOAD_BAD_CHECKSUM);
    core.image_activate(1);
    expect(ping()).toBe(abi.REASON_NONE);
    expect(loadImage(core, image, 1)).toBe(abi.LOAD_OK);
    core.image_activate(1);
    expect(ping()).toBe(abi.REASON_NONE);
  });

  test("bytes written over the policy in force never serve unchecked", () => {
    const gateway = new TestGateway(core, image);
    const damaged = image.slice();
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 0xff;
    loadImage(core, damaged, 0);
    expect(gateway.decide({ path: "/public/ping" }).reason).toBe(abi.REASON_POLICY_MISSING);
    core.image_activate(0);
    expect(gateway.decide({ path: "/public/ping" }).reason).toBe(abi.REASON_POLICY_MISSING);
  });

  test("core_boot refuses numbers that do not fit, and a second call", () => {
    const fresh = () => new WebAssembly.Instance(coreModule, { env: { abort: () => {} } }).exports as unknown as TestCore;
    expect([fresh().core_boot(15, 8), fresh().core_boot(1024, 0), fresh().core_boot(1024, abi.MAX_SAMPLES + 1)]).toEqual([
      2, 2, 2,
    ]);
    expect(fresh().core_boot(1 << 21, 8)).toBe(2);
    expect(fresh().core_boot(1 << 18, abi.MAX_SAMPLES)).toBe(0);
    expect(core.core_boot(1024, 16)).toBe(3);
  });
});
