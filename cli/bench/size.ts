import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { consoleFolder, coreFile, picketBundle } from "./measure/bundle.ts";
import { atMost, type Benchmark, type Result } from "./measure/result.ts";

export const size: Benchmark = { name: "size", run: async () => measure() };

/** KB are 1000 bytes; gz is gzip at level 9. */
function measure(): Result {
  const core = readFileSync(coreFile);
  const bundle = readFileSync(join(picketBundle, "index.js"));
  const files = firstLoad();
  const first = files.map((name) => readFileSync(join(consoleFolder, "_picket", name)));
  const parts = [
    { name: "core.wasm", bytes: [core], compressed: false, goalKb: 32 },
    { name: "Worker bundle, with the core", bytes: [bundle, core], compressed: true, goalKb: 300 },
    { name: "console, first load", bytes: first, compressed: true, goalKb: 150 },
  ].map((part) => ({ ...part, kb: kilobytes(part.bytes), gzKb: kilobytes(part.bytes.map((b) => gzipSync(b, { level: 9 }))) }));
  return {
    name: "size",
    title: "what is loaded",
    rows: parts.map(({ name, kb, gzKb }) => ({ name, measures: { KB: kb, "KB gz": gzKb } })),
    goals: parts.map((p) => atMost(`${p.name}, ${p.compressed ? "KB gz" : "KB"}`, p.compressed ? p.gzKb : p.kb, p.goalKb)),
    notes: [`First load: ${files.join(", ")}.`],
  };
}

function kilobytes(parts: Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0) / 1000;
}

/** index.html, what it names, and in turn what those scripts import statically and those style sheets name. */
function firstLoad(): string[] {
  const loaded = new Set(["index.html"]);
  for (const name of loaded) {
    for (const reference of references(name)) loaded.add(reference);
  }
  return [...loaded];
}

/** Files of the console that a file makes a browser load at once; dynamic imports wait until they are called. */
function references(name: string): string[] {
  const text = /\.(html|js|css)$/.test(name) ? readFileSync(join(consoleFolder, "_picket", name), "utf8") : "";
  const patterns = name.endsWith(".html")
    ? [/<(?:script|link)\b[^>]*?(?:src|href)="([^"]+)"/g]
    : name.endsWith(".js")
      ? [/\bimport\s*(?:[\w$*{}\s,]+from\s*)?["']([^"']+)["']/g, /\bexport\s*[\w$*{}\s,]+from\s*["']([^"']+)["']/g]
      : [/url\(["']?([^"')]+)["']?\)/g];
  const base = new URL(`http://console/_picket/${name}`);
  return patterns
    .flatMap((pattern) => [...text.matchAll(pattern)].map((match) => new URL(match[1] ?? "", base)))
    .filter((url) => url.host === "console" && url.pathname.startsWith("/_picket/"))
    .map((url) => url.pathname.slice("/_picket/".length));
}
