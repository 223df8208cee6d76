import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { checkDatabases } from "./check-databases.ts";
import { done, failed, type Outcome, reason } from "./outcome.ts";

/** What a run keeps between starts: the databases, and the keys that open them. */
export interface DataDirectory {
  path: string;
  /** Where the runtime persists D1 and the Region objects. */
  statePath: string;
  keys: Keys;
  /** Lets the next start have the directory. */
  release(): void;
}

export interface Keys {
  /** PICKET_KEY: 32 bytes in base64. */
  key: string;
  /** PICKET_ADMIN_TOKEN. */
  adminToken: string;
}

const KEYS = "picket.json";
const STATE = "state";
const LOCK = "lock";

/** Opens the directory, making it where there is none. @param fresh delete what an earlier run left there */
export function openDataDirectory(path: string, fresh: boolean): Outcome<DataDirectory> {
  try {
    const own = ours(path);
    if (!own.ok) return own;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const lock = takeLock(path);
    if (!lock.ok) return lock;
    if (fresh) for (const name of [STATE, KEYS]) rmSync(join(path, name), { recursive: true, force: true });
    const opened = openContents(path);
    if (!opened.ok) lock.value();
    return opened.ok ? done({ ...opened.value, path, release: lock.value }) : opened;
  } catch (error) {
    return failed(`The data directory ${path} cannot be used: ${reason(error)}.`);
  }
}

/** A directory that holds something else is left alone: --fresh must never delete what Picket did not make. */
function ours(path: string): Outcome<null> {
  if (!existsSync(path)) return done(null);
  const names = readdirSync(path);
  if (names.length === 0 || names.includes(KEYS) || names.includes(LOCK)) return done(null);
  return failed(`${path} holds files that are not Picket's: choose another directory with -- --data DIR.`);
}

function openContents(path: string): Outcome<{ statePath: string; keys: Keys }> {
  const statePath = join(path, STATE);
  const databases = checkDatabases(statePath);
  if (!databases.ok) return databases;
  const keys = existsSync(join(path, KEYS)) ? readKeys(join(path, KEYS)) : makeKeys(join(path, KEYS));
  return keys.ok ? done({ statePath, keys: keys.value }) : keys;
}

function makeKeys(file: string): Outcome<Keys> {
  const keys = { key: randomBytes(32).toString("base64"), adminToken: randomBytes(32).toString("base64url") };
  writeFileSync(file, `${JSON.stringify(keys)}\n`, { mode: 0o600, flag: "wx" });
  return done(keys);
}

function readKeys(file: string): Outcome<Keys> {
  chmodSync(file, 0o600);
  try {
    const { key, adminToken } = JSON.parse(readFileSync(file, "utf8")) as Partial<Keys>;
    const whole = typeof key === "string" && Buffer.from(key, "base64").length === 32;
    if (whole && typeof adminToken === "string" && adminToken.length >= 32) return done({ key, adminToken });
  } catch {
    // Said below: what is wrong with the file in detail does not help anyone.
  }
  return failed(`${file} does not hold Picket's keys any more: start with -- --fresh to begin anew (this deletes the data).`);
}

/**
 * Two runs on one database would undo each other. The lock is SQLite's own, which the kernel lets go when the process
 * ends, however it ends.
 */
function takeLock(path: string): Outcome<() => void> {
  const lock = new DatabaseSync(join(path, LOCK));
  try {
    lock.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
    return done(() => lock.close());
  } catch {
    lock.close();
    return failed(`${path} is in use by another run: end that one, or choose another directory with -- --data DIR.`);
  }
}
