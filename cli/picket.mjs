#!/usr/bin/env node
// The command line's entry: plain JavaScript, because it must start on any Node from 20 on, where TypeScript may not run yet.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Each module exports `help` and `run(args)`, which resolves to the exit code. */
const commands = {
  lint: { module: "./lint.ts", summary: "check a policy file" },
  compile: { module: "./compile.ts", summary: "compile a policy to the image that the gateway runs" },
  token: { module: "./token/command.ts", summary: "make, check, list, reroll, disable and expire API keys" },
  revoke: { module: "./revoke.ts", summary: "refuse a token, a principal, an API key or an issuer's tokens, in every region" },
  grant: { module: "./grant.ts", summary: "give a principal scopes for a time" },
  device: { module: "./device/command.ts", summary: "register, quarantine and retire devices of a running gateway" },
  export: { module: "./export/command.ts", summary: "write stored samples as NDJSON, CSV or OCSF" },
  limits: {
    module: "./limits/command.ts",
    summary: "suggest and apply limits, exempt callers, list who is blocked and let them out",
  },
  schema: { module: "./policy-schema.ts", summary: "write the policy's JSON Schema" },
};

const root = fileURLToPath(new URL("..", import.meta.url));
const pinnedNode = `${root}node_modules/node/bin/${process.platform === "win32" ? "node.exe" : "node"}`;

process.exitCode = await main(process.argv.slice(2));

async function main([name, ...args]) {
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    console.log(usage());
    return name === undefined ? 2 : 0;
  }
  if (!Object.hasOwn(commands, name)) {
    console.error(`picket: there is no command "${name}"\n\n${usage()}`);
    return 2;
  }
  if (!existsSync(`${root}node_modules/zod`)) {
    console.error(`picket: its packages are not installed: run "npm ci" in ${root}`);
    return 2;
  }
  if (!process.features.typescript) return rerun();
  const command = await import(commands[name].module);
  if (args.includes("--help") || args.includes("-h")) {
    console.log(command.help);
    return 0;
  }
  return command.run(args);
}

/** This Node cannot run TypeScript: the one among our packages can. */
function rerun() {
  if (!existsSync(pinnedNode)) {
    console.error(`picket: Node ${process.version} cannot run TypeScript and ${pinnedNode} is missing: run "npm ci" in ${root}`);
    return 2;
  }
  const { status, error } = spawnSync(pinnedNode, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  if (error !== undefined) console.error(`picket: ${pinnedNode} cannot be started: ${error.message}`);
  return status ?? 1;
}

function usage() {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`);
  return ["picket COMMAND", "", ...lines, "", "picket COMMAND --help says more."].join("\n");
}
