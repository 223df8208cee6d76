// Writes prefixes.bin: node cli/known-secrets/write.ts LIST, LIST being jwt.secrets.list of github.com/wallarm/jwt-secrets.
import { readFileSync, writeFileSync } from "node:fs";
import { PREFIX_BYTES, prefixFile } from "./known-secret.ts";
import { prefixTable } from "./table.ts";

const [list] = process.argv.slice(2);
if (list === undefined) {
  console.error("node cli/known-secrets/write.ts LIST");
  process.exit(2);
}
const table = prefixTable(readFileSync(list, "utf8"));
writeFileSync(prefixFile, table);
console.log(`${table.length / PREFIX_BYTES} secrets, ${table.length} bytes`);
