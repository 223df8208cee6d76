import * as abi from "../../wasm/abi.ts";

const utf8 = new TextEncoder();

const methods = new Map<string, number>([
  ["GET", abi.METHOD_GET],
  ["HEAD", abi.METHOD_HEAD],
  ["POST", abi.METHOD_POST],
  ["PUT", abi.METHOD_PUT],
  ["PATCH", abi.METHOD_PATCH],
  ["DELETE", abi.METHOD_DELETE],
  ["OPTIONS", abi.METHOD_OPTIONS],
]);

/**
 * Writes a request into the core's I/O page. Every text goes through `encodeInto` into one kept view: `encode()` would
 * allocate per request. A text that does not fit is written as "one longer than allowed", which the core refuses.
 */
export class RequestRecord {
  readonly #ints: Int32Array;
  readonly #path: Uint8Array;
  readonly #host: Uint8Array;
  readonly #address: Uint8Array;
  readonly #credentials: Uint8Array[] = [];
  readonly #keyHeaders: Uint8Array[] = [];
  readonly #proof: Uint8Array;
  readonly #origin: Uint8Array;
  readonly #certificate: Uint8Array;

  constructor(memory: WebAssembly.Memory) {
    const { buffer } = memory;
    this.#ints = new Int32Array(buffer);
    this.#path = new Uint8Array(buffer, abi.PATH, abi.MAX_PATH);
    this.#host = new Uint8Array(buffer, abi.HOST, abi.MAX_HOST);
    this.#address = new Uint8Array(buffer, abi.ADDRESS, abi.MAX_ADDRESS);
    this.#proof = new Uint8Array(buffer, abi.PROOF, abi.MAX_PROOF);
    this.#origin = new Uint8Array(buffer, abi.ORIGIN, abi.MAX_ORIGIN);
    this.#certificate = new Uint8Array(buffer, abi.CERTIFICATE, 32);
    for (let slot = 0; slot < abi.CREDENTIAL_SLOTS; slot++) {
      this.#credentials.push(new Uint8Array(buffer, abi.CREDENTIALS + slot * abi.CREDENTIAL_SIZE, abi.MAX_TOKEN));
    }
    for (let slot = 0; slot < abi.KEY_HEADERS; slot++) {
      this.#keyHeaders.push(new Uint8Array(buffer, abi.HEADERS + slot * abi.MAX_KEY_HEADER, abi.MAX_KEY_HEADER));
    }
  }

  /** @param flags FLAG_* bits */
  method(method: string, flags: number): void {
    this.#ints[abi.REQUEST_METHOD >> 2] = methods.get(method) ?? abi.METHOD_OTHER;
    this.#ints[abi.REQUEST_FLAGS >> 2] = flags;
  }

  /** @param path from the first "/" to before the "?", as received */
  path(path: string): void {
    this.#ints[abi.REQUEST_PATH_LENGTH >> 2] = write(path, this.#path);
  }

  host(host: string): void {
    this.#ints[abi.REQUEST_HOST_LENGTH >> 2] = write(host, this.#host);
  }

  /** An address longer than any real one counts as unknown. */
  address(address: string | null): void {
    const length = address === null ? 0 : write(address, this.#address);
    this.#ints[abi.REQUEST_ADDRESS_LENGTH >> 2] = length > abi.MAX_ADDRESS ? 0 : length;
  }

  credential(slot: number, value: string | null): void {
    const view = this.#credentials[slot];
    this.#ints[(abi.REQUEST_CREDENTIAL_LENGTHS >> 2) + slot] = value === null || view === undefined ? 0 : write(value, view);
  }

  /** A header that limits count by. A value longer than what is kept counts as absent. */
  keyHeader(slot: number, value: string | null): void {
    const view = this.#keyHeaders[slot];
    const length = value === null || view === undefined ? 0 : write(value, view);
    this.#ints[(abi.REQUEST_HEADER_LENGTHS >> 2) + slot] = length > abi.MAX_KEY_HEADER ? 0 : length;
  }

  /**
   * The DPoP header, and the scheme and host of the request that it is to be about.
   *
   * @param value null = there is none
   */
  proof(value: string | null, proto: string, host: string): void {
    this.#ints[abi.PROOF_LENGTH >> 2] = value === null ? 0 : write(value, this.#proof);
    if (value !== null) this.#ints[abi.ORIGIN_LENGTH >> 2] = write(`${proto}://${host}`, this.#origin);
  }

  /** @param sha256 of the client's certificate, 64 hex digits; null = it has shown none that was found good */
  certificate(sha256: string | null): void {
    const isShown = sha256 !== null && /^[0-9a-f]{64}$/i.test(sha256);
    this.#ints[abi.CERTIFICATE_SHOWN >> 2] = isShown ? 1 : 0;
    if (!isShown) return;
    for (let i = 0; i < 32; i++) this.#certificate[i] = Number.parseInt(sha256.slice(2 * i, 2 * i + 2), 16);
  }

  network(asn: number, country: string, colo: string): void {
    this.#ints[abi.REQUEST_ASN >> 2] = asn;
    this.#ints[abi.REQUEST_COUNTRY >> 2] = letters(country, 2);
    this.#ints[abi.REQUEST_COLO >> 2] = letters(colo, 3);
  }
}

/** Up to this length a loop over ASCII takes less time than the call of encodeInto, which leaves JavaScript. */
const SHORT = 64;

/** Bytes written, or one more than the view holds. */
function write(text: string, view: Uint8Array): number {
  const { length } = text;
  if (length > view.length) return view.length + 1;
  if (length <= SHORT && writeAscii(text, view)) return length;
  const { read, written } = utf8.encodeInto(text, view);
  return read === text.length ? written : view.length + 1;
}

/** False where the text is not ASCII; what was written then means nothing. */
function writeAscii(text: string, view: Uint8Array): boolean {
  let all = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    all |= code;
    view[i] = code;
  }
  return all < 0x80;
}

/** Up to `count` ASCII letters or digits in one number, the first in the low byte; 0 = not such a code. */
function letters(code: string, count: number): number {
  if (code.length !== count) return 0;
  let packed = 0;
  for (let i = 0; i < count; i++) {
    const c = code.charCodeAt(i);
    if (c < 0x30 || c > 0x7a) return 0;
    packed |= c << (8 * i);
  }
  return packed;
}
