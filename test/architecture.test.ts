import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "..");

/** Who may import whom (beside itself). A type-only import carries no code, so it is judged by `types` as well. */
const rules: Record<string, { code: string[]; types?: string[] }> = {
  wasm: { code: [] },
  "worker/engine": { code: ["wasm"], types: ["worker/policy", "worker/region"] },
  "worker/policy": { code: ["wasm"] },
  "worker/gateway": { code: ["wasm", "worker/engine", "worker/policy"], types: ["worker/region"] },
  "worker/db": { code: [], types: ["worker/region", "worker/policy"] },
  "worker/region": { code: ["wasm", "worker/engine", "worker/db"], types: ["worker/policy"] },
  "worker/export": { code: [], types: ["worker/db"] },
  "worker/soc": { code: ["wasm", "worker/db", "worker/policy", "worker/export"], types: ["worker/region"] },
  dashboard: { code: [], types: ["worker/soc", "worker/region"] },
  cli: { code: ["wasm", "worker/policy", "worker/engine", "worker/export"], types: ["worker/soc", "worker/region", "worker/db"] },
};

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs|svelte)$/.test(entry.name) && !entry.name.endsWith(".d.ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => !file.includes("node_modules") && !file.startsWith("wasm/build"));
}

function importsOf(file: string): Import[] {
  const source = readFileSync(join(root, file), "utf8");
  const pattern =
    /^\s*(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?["'](\.[^"']+)["']|import\(\s*["'](\.[^"']+)["']\s*\)/gm;
  return [...source.matchAll(pattern)].map(([, type, from, dynamic]) => ({
    from: file,
    to: normalize(join(dirname(file), from ?? dynamic ?? "")),
    typeOnly: type !== undefined,
  }));
}

const roomOf = (file: string) => Object.keys(rules).find((room) => file === room || file.startsWith(`${room}/`));
const files = ["wasm", "worker", "dashboard", "cli"].flatMap(sourceFiles);
const imports = files.flatMap(importsOf);

it("reads the code that it judges", () => {
  expect(files.length).toBeGreaterThan(40);
  expect(imports.length).toBeGreaterThan(60);
});

it("lets each folder import only what the design allows", () => {
  const broken = imports.filter(({ from, to, typeOnly }) => {
    const room = roomOf(from);
    const target = roomOf(to);
    if (room === undefined || target === undefined || room === target) return false;
    const rule = rules[room];
    return !rule?.code.includes(target) && !(typeOnly && rule?.types?.includes(target));
  });
  expect(broken).toEqual([]);
});

it("has no import cycles", () => {
  const edges = new Map<string, string[]>();
  for (const { from, to, typeOnly } of imports) {
    const target = files.find((file) => file === to || file === `${to}.ts`);
    if (target !== undefined && !typeOnly) edges.set(from, [...(edges.get(from) ?? []), target]);
  }
  const state = new Map<string, "open" | "done">();
  const cycles: string[] = [];
  const visit = (file: string, trail: string[]): void => {
    if (state.get(file) === "open") cycles.push([...trail.slice(trail.indexOf(file)), file].join(" → "));
    if (state.has(file)) return;
    state.set(file, "open");
    for (const next of edges.get(file) ?? []) visit(next, [...trail, file]);
    state.set(file, "done");
  };
  for (const file of files) visit(file, []);
  expect(cycles).toEqual([]);
});

it("has no barrels and no rooms for leftovers", () => {
  // wasm/core/index.ts is asc's entry: exports of the module, not a barrel.
  const barrels = files.filter((file) => {
    const source = readFileSync(join(root, file), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    const lines = source.split("\n").filter((line) => line.trim() !== "");
    return file !== "wasm/core/index.ts" && lines.length > 0 && lines.every((line) => /^export .* from /.test(line));
  });
  expect(barrels).toEqual([]);
  expect(files.filter((file) => /(^|\/)(utils?|helpers?|misc|common)(\.|\/)/.test(file))).toEqual([]);
});

it("speaks SQL in worker/db and in the Region object's own storage alone", () => {
  const speakers = files.filter(
    (file) =>
      file.startsWith("worker/") &&
      /\b(INSERT INTO|SELECT .* FROM|DELETE FROM|UPDATE \w+ SET)\b/.test(readFileSync(join(root, file), "utf8")),
  );
  const strangers = speakers.filter((file) => !file.startsWith("worker/db/") && !file.startsWith("worker/region/"));
  expect(strangers).toEqual([]);
});
