import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import type { PolicyMeta } from "../../worker/policy/compiled.ts";
import { compileText, newCore, TestGateway } from "./core-fixture.ts";

/** One service per prefix ("METHOD /template" lists), all public, refusing what they do not document. */
function policyOf(services: Record<string, string[]>): string {
  const list = Object.entries(services).map(([prefix, operations], i) => ({
    name: `s${i}`,
    match: { path: prefix },
    upstream: "http://127.0.0.1:9000",
    auth: [],
    undocumented: "refuse",
    operations,
  }));
  return JSON.stringify({ picket: 1, services: list });
}

async function gatewayOf(services: Record<string, string[]>): Promise<(method: string, path: string) => string> {
  const { image, meta } = await compileText(policyOf(services));
  const gateway = new TestGateway(newCore({ cells: 16, samples: 1 }), image);
  return (method, path) => {
    const { reason, operation } = gateway.decide({ method, path });
    if (reason === abi.REASON_NONE) return nameOf(meta, operation);
    return reason === abi.REASON_PATH_AMBIGUOUS ? "ambiguous" : "none";
  };
}

function nameOf(meta: PolicyMeta, operation: number): string {
  const found = meta.operations[operation];
  return `${found?.method} ${found?.template}`;
}

type Kind = "literal" | "parameter" | "wildcard";
const kinds: readonly Kind[] = ["literal", "parameter", "wildcard"];

function kindOf(segment: string): Kind {
  return segment.endsWith("+}") ? "wildcard" : segment.startsWith("{") ? "parameter" : "literal";
}

/** Does the template match, by regular expression? */
function matches(template: string, path: string): boolean {
  const pattern = template.replace(/\{\w+\+\}/g, "[^/]+(/[^/]+)*").replace(/\{\w+\}/g, "[^/]+");
  return new RegExp(`^${pattern}$`).test(path);
}

/** Of all templates that match, the one whose kinds of segments come first from the left: literal, parameter, wildcard. */
function bestShape(templates: readonly string[], path: string): string | undefined {
  const plain = path === "/" ? path : path.replace(/\/$/, "");
  const rank = (template: string) =>
    template
      .split("/")
      .map((segment) => kinds.indexOf(kindOf(segment)))
      .join("");
  return templates.filter((template) => matches(template, plain)).sort((a, b) => (rank(a) < rank(b) ? -1 : 1))[0];
}

/** The matcher by the policy's words: a list of templates, no trie. Templates hold lower-case letters only. */
function reference(services: Record<string, string[]>, method: string, path: string): string {
  const under = (prefix: string, of: string) => prefix === "/" || of === prefix || of.startsWith(`${prefix}/`);
  const serviceOf = (of: string) =>
    Object.keys(services)
      .filter((prefix) => under(prefix, of))
      .sort((a, b) => b.length - a.length)[0];
  const prefix = serviceOf(path);
  const operations = services[prefix ?? ""] ?? [];
  const templates = operations.map((operation) => operation.split(" ")[1] ?? "");
  const exact = bestShape(templates, path);
  const methods = method === "HEAD" ? ["HEAD", "GET"] : [method];
  const operation = methods.map((one) => `${one} ${exact}`).find((one) => operations.includes(one));
  if (operation !== undefined) return operation;
  const folded = path.toLowerCase();
  if (serviceOf(folded) !== prefix) return "ambiguous";
  const loose = bestShape(templates, folded);
  return loose !== undefined && loose !== exact ? "ambiguous" : "none";
}

const literal = fc.constantFrom("a", "b", "ab", "abcdefgh", "abcdefghi", "p");
const inner = fc.oneof({ arbitrary: literal, weight: 3 }, { arbitrary: fc.constant("{x}"), weight: 2 });
const template = fc
  .tuple(fc.array(inner, { maxLength: 4 }), fc.constantFrom("", "", "", "/{rest+}"))
  .map(([segments, tail]) => (segments.length === 0 ? tail || "/" : `/${segments.join("/")}${tail}`))
  // Names must differ within a template; between templates they must agree, or two would have the same shape.
  .map((text) => {
    let n = 0;
    return text.replace(/\{x\}/g, () => `{x${n++}}`);
  });
const method = fc.constantFrom("GET", "POST", "HEAD");
const operations = fc.uniqueArray(
  fc.tuple(method, template).map(([m, t]) => `${m} ${t}`),
  { minLength: 1, maxLength: 14 },
);
const pathSegment = fc.constantFrom("a", "b", "ab", "abcdefgh", "abcdefghi", "p", "A", "aB", "z", "abcdefgx");
const path = fc
  .tuple(fc.array(pathSegment, { maxLength: 6 }), fc.boolean())
  .map(([segments, slash]) => (segments.length === 0 ? "/" : `/${segments.join("/")}${slash ? "/" : ""}`));

test("agrees with a list of templates on random policies and paths", async () => {
  let documented = 0;
  let ambiguous = 0;
  await fc.assert(
    fc.asyncProperty(
      operations,
      operations,
      fc.array(fc.tuple(method, path), { minLength: 40, maxLength: 60 }),
      async (root, sub, calls) => {
        const services = { "/p": sub.map((one) => one.replace(" /", " /p/").replace(/\/$/, "")), "/": root };
        const match = await gatewayOf(services);
        for (const [verb, target] of calls) {
          const expected = reference(services, verb, target);
          expect([verb, target, match(verb, target)]).toEqual([verb, target, expected]);
          if (expected === "ambiguous") ambiguous++;
          else if (expected !== "none") documented++;
        }
      },
    ),
    // A fixed seed, because the counts below are held to a bound.
    { numRuns: 100, seed: 1 },
  );
  expect(documented).toBeGreaterThan(500);
  expect(ambiguous).toBeGreaterThan(50);
});

describe("precedence", () => {
  test("a literal that leads nowhere falls back to the parameter, and that to the wildcard", async () => {
    const match = await gatewayOf({ "/": ["GET /a/b/c", "GET /a/{x}/d", "GET /{x}/{y}/e", "GET /{all+}"] });
    expect(match("GET", "/a/b/c")).toBe("GET /a/b/c");
    expect(match("GET", "/a/b/d")).toBe("GET /a/{x}/d");
    expect(match("GET", "/a/b/e")).toBe("GET /{x}/{y}/e");
    expect(match("GET", "/a/b/f")).toBe("GET /{all+}");
    expect(match("GET", "/")).toBe("none");
  });

  test("HEAD is answered by GET's operation, any other method by its own alone", async () => {
    const match = await gatewayOf({ "/": ["GET /a", "POST /b", "GET /c", "HEAD /c"] });
    expect(match("HEAD", "/a")).toBe("GET /a");
    expect(match("HEAD", "/b")).toBe("none");
    expect(match("HEAD", "/c")).toBe("HEAD /c");
    expect(match("DELETE", "/a")).toBe("none");
    expect(match("PROPFIND", "/a")).toBe("none");
  });

  test("a trailing slash is no segment, but a template that ends in one goes first", async () => {
    const match = await gatewayOf({ "/": ["GET /a", "GET /b/", "GET /c", "GET /c/"] });
    expect([match("GET", "/a/"), match("GET", "/b"), match("GET", "/b/")]).toEqual(["GET /a", "GET /b/", "GET /b/"]);
    expect([match("GET", "/c"), match("GET", "/c/")]).toEqual(["GET /c", "GET /c/"]);
  });

  test("a prefix ends at a segment's end", async () => {
    const match = await gatewayOf({ "/fleet": ["GET /fleet/a"] });
    expect(match("GET", "/fleetx/a")).toBe("none");
    expect(match("GET", "/fleet/a")).toBe("GET /fleet/a");
  });

  test("the deepest path and a trie that has to backtrack all the way stay bounded", async () => {
    const chains = Array.from({ length: 60 }, (_, i) => `GET ${"/a".repeat(i)}/{x}${"/a".repeat(62 - i)}/end${i}`);
    const match = await gatewayOf({ "/": chains });
    const started = performance.now();
    for (let i = 0; i < 100; i++) expect(match("GET", "/a".repeat(64))).toBe("none");
    expect(match("GET", `${"/a".repeat(63)}/end59`)).toBe(chains[59]);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe("another reading", () => {
  test("what a case-folding upstream would serve is ambiguous, also across services", async () => {
    const match = await gatewayOf({ "/fleet": ["GET /fleet/admin"], "/": ["GET /other/{x}"] });
    for (const target of ["/fleet/ADMIN", "/Fleet/admin", "/FLEET/secret", "/OTHER/1"])
      expect(match("GET", target)).toBe("ambiguous");
    expect(match("GET", "/other/UPPER")).toBe("GET /other/{x}");
    expect(match("GET", "/nothing")).toBe("none");
  });

  test("an escape may not hide a literal segment from the matcher", async () => {
    const match = await gatewayOf({ "/": ["GET /v1/{name}", "GET /v1/things:batch", "GET /x@y/a"] });
    expect(match("GET", "/v1/things:batch")).toBe("GET /v1/things:batch");
    expect(match("GET", "/v1/things%3Abatch")).toBe("ambiguous");
    expect(match("GET", "/x%40y/a")).toBe("ambiguous");
    expect(match("GET", "/X%40y/a")).toBe("ambiguous");
    expect(match("GET", "/v1/a%3Ab")).toBe("GET /v1/{name}");
    expect(match("GET", "/v1/caf%C3%A9%20")).toBe("GET /v1/{name}");
  });
});

describe("hosts", () => {
  const text = JSON.stringify({
    picket: 1,
    services: [
      { name: "any", match: { path: "/a" }, upstream: "http://127.0.0.1:1", auth: [] },
      { name: "one", match: { host: "api.example.com", path: "/" }, upstream: "http://127.0.0.1:1", auth: [] },
    ],
  });

  test("a service for the host goes before one for any, whatever the host's case, port and last dot", async () => {
    const { image, meta } = await compileText(text);
    const gateway = new TestGateway(newCore({ cells: 16, samples: 1 }), image);
    const serviceOf = (host: string) => meta.services[gateway.decide({ path: "/a", host }).service]?.name;
    for (const host of ["api.example.com", "API.Example.COM", "api.example.com:8443", "api.example.com."]) {
      expect([host, serviceOf(host)]).toEqual([host, "one"]);
    }
    for (const host of ["", "example.com", "xapi.example.com", "api.example.com.evil", "[::1]:80", "a".repeat(300)]) {
      expect([host, serviceOf(host)]).toEqual([host, "any"]);
    }
    expect(gateway.decide({ path: "/b", host: "other" }).reason).toBe(abi.REASON_SERVICE_UNKNOWN);
  });
});
