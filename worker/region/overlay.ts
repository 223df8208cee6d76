import type { RefusedDevice } from "../db/devices.ts";
import type { ExemptionRow } from "../db/exemptions.ts";
import { type OverlayRows, readOverlay } from "../db/overlay.ts";
import { selectOverlayGeneration } from "../db/overlay-generation.ts";
import { FOREVER_MS, MOST_REVOCATIONS } from "../db/revocations.ts";
import { type OverlayExemption, type OverlayRevocation, overlayBytes } from "../engine/overlay-bytes.ts";

/** Revocations, grants and exemptions of one generation, as the core reads them. */
export interface Overlay {
  /** The generation; 0 = there was never any. */
  version: number;
  bytes: Uint8Array;
}

/** The newest overlay; null when it is of generation `known`: then nothing but that number was read. */
export async function readOverlayBytes(db: D1Database, nowMs: number, known: number): Promise<Overlay | null> {
  if ((await selectOverlayGeneration(db).first<number>("generation")) === known) return null;
  return encodeOverlay(await readOverlay(db, nowMs));
}

export function encodeOverlay({ generation, revocations, grants, exemptions, devices }: OverlayRows): Overlay {
  const timed = revocations.map((row) => ({ ...row, beforeMs: endless(row.beforeMs), expiresMs: endless(row.expiresMs) }));
  const bytes = overlayBytes(
    // What two clocks disagree on is what is about to expire: that goes last, and is what does not fit.
    [...devices.map(refusalOf), ...timed].slice(0, MOST_REVOCATIONS),
    grants.map((row) => ({ ...row, scopes: row.scopes.split(" ") })),
    exemptions.map(exemptionOf),
  );
  return { version: generation, bytes };
}

/** Network and limit stand in the row as the core compares them: regions read no policy. */
function exemptionOf({ authenticator, subject, network, limitHash, untilMs }: ExemptionRow): OverlayExemption {
  const limit = limitHash === "" ? null : BigInt(`0x${limitHash}`);
  return { authenticator, subject: network === "" ? subject : bytesOfHex(network), limit, untilMs };
}

function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** A device that is retired is a principal that is revoked for ever. */
function refusalOf({ authenticator, device, state }: RefusedDevice): OverlayRevocation {
  const always = Number.POSITIVE_INFINITY;
  const kind = state === "quarantined" ? "quarantine" : "principal";
  return { kind, authenticator, subject: device, beforeMs: always, expiresMs: always };
}

function endless(ms: number): number {
  return ms >= FOREVER_MS ? Number.POSITIVE_INFINITY : ms;
}

/** The last overlay, kept in the object's own storage, so that a restart while D1 is away forgets no revocation. */
export class OverlayShelf {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS overlay (version INTEGER NOT NULL, bytes BLOB NOT NULL)");
  }

  read(): Overlay | null {
    const row = this.#sql.exec<{ version: number; bytes: ArrayBuffer }>("SELECT version, bytes FROM overlay").toArray()[0];
    return row ? { version: row.version, bytes: new Uint8Array(row.bytes) } : null;
  }

  put({ version, bytes }: Overlay): void {
    this.#sql.exec("DELETE FROM overlay");
    this.#sql.exec("INSERT INTO overlay VALUES (?, ?)", version, bytes);
  }
}
