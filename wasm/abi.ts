// The contract between the core (AssemblyScript) and everything around it (TypeScript): every shared constant and the
// memory map, once. Both asc and tsc compile this file, so it holds plain numbers only: no imports, no types, no enums.
// Offsets and sizes are bytes, little-endian. Only i32 and f64 cross a call; all else is read and written in memory.

export const ABI_VERSION = 4;

// ---------------------------------------------------------------- bounds on hostile input
export const MAX_PATH = 4096; // bytes of a request's path, without its query
export const MAX_HOST = 255; // RFC 1035 §2.3.4
export const MAX_ADDRESS = 45; // text of an IPv6 address with an embedded IPv4 one
export const MAX_TOKEN = 8192; // bytes of a credential's header value
export const MAX_CLAIMS = 64; // members of a token's claims object
export const MAX_JSON_DEPTH = 8; // nesting inside a token, the outermost object counted
export const MAX_SEGMENTS = 64; // path segments
export const MAX_REQUEST_LIMITS = 8; // limits that one request may be held to, each window by itself
export const MAX_LIMIT_RECORDS = 1024; // of the image: limits, by window and by where their parameters stand
export const MAX_CONCURRENT = 1000; // requests of one key in flight in one isolate
export const MAX_KEY_PARTS = 4; // of what one limit counts apart: by: [principal, operation]
export const MAX_COST = 10000; // of one request, in requests
export const KEY_HEADERS = 4; // header names that limits count by
export const MAX_KEY_HEADER = 256; // bytes of such a header's value
export const CREDENTIAL_SLOTS = 4; // header names that may carry a credential, slot 0 = Authorization
export const MAX_CUSTOM_CLAIMS = 8; // claims that limits and binds refer to (claim:NAME)
export const MAX_ROLES = 32; // of the whole policy: a caller's roles are bits of one word
export const MAX_BINDS = 8; // path parameters of one operation that are bound to the caller
export const MAX_OPERATIONS = 4096;
export const MAX_SERVICES = 256;
export const MAX_REVOCATIONS = 4096; // quarantined devices included
export const MAX_GRANTS = 1024;
export const MAX_AUTHENTICATOR_NAME = 63;
export const MAX_REVOKED_SUBJECT = 255; // bytes of a token id, principal or key id that is revoked
export const MAX_GRANT_TEXT = 288; // bytes of a grant's authenticator, principal and scopes
export const MAX_EXEMPTIONS = 256; // from limits
export const MAX_PROOF = 4096; // bytes of a DPoP header: an RSA key of 8192 bits and its signature fit
export const MAX_ORIGIN = 272; // scheme, host and port of a request's URL
export const MAX_NETWORKS = 8; // from which an API key may be used

// ---------------------------------------------------------------- methods
export const METHOD_OTHER = 0;
export const METHOD_GET = 1;
export const METHOD_HEAD = 2;
export const METHOD_POST = 3;
export const METHOD_PUT = 4;
export const METHOD_PATCH = 5;
export const METHOD_DELETE = 6;
export const METHOD_OPTIONS = 7;
export const METHOD_COUNT = 8;

// ---------------------------------------------------------------- verdicts, reasons, kinds (names in worker/engine/names.ts)
export const VERDICT_ALLOW = 0;
export const VERDICT_REFUSE = 1;
export const VERDICT_SHADOW = 2; // would be refused, is let pass
export const VERDICT_COUNT = 3;
export const VERDICT_CONSULT = 4; // reserved; not a verdict yet either: a wider limit must be asked (CONSULTS). Counts nothing, charges no quota
export const VERDICT_VERIFY = 3; // not a verdict yet: verify the signature, token_remember, decide again. Counts nothing, charges no quota

export const REASON_NONE = 0;
export const REASON_PATH_AMBIGUOUS = 1; // 400
export const REASON_PATH_TOO_LONG = 2; // 400
export const REASON_CREDENTIAL_TOO_LARGE = 3; // 400
export const REASON_METHOD_UNSUPPORTED = 4; // 405
export const REASON_SERVICE_UNKNOWN = 5; // 404
export const REASON_OPERATION_UNKNOWN = 6; // 404
export const REASON_CREDENTIAL_MISSING = 7; // 401, as all to 21
export const REASON_TOKEN_MALFORMED = 8;
export const REASON_CLAIMS_MALFORMED = 9;
export const REASON_ALGORITHM_REFUSED = 10;
export const REASON_ISSUER_UNKNOWN = 11;
export const REASON_KEY_UNKNOWN = 12;
export const REASON_SIGNATURE_INVALID = 13;
export const REASON_TOKEN_EXPIRED = 14;
export const REASON_TOKEN_NOT_YET_VALID = 15;
export const REASON_TOKEN_WITHOUT_EXPIRY = 16;
export const REASON_AUDIENCE_MISMATCH = 17;
export const REASON_API_KEY_UNKNOWN = 18;
export const REASON_API_KEY_EXPIRED = 19;
export const REASON_SUBJECT_MISMATCH = 20; // the subject is not the one whose key it is
export const REASON_SCOPE_MISSING = 22; // 403
export const REASON_RATE_LIMITED = 23; // 429
export const REASON_BODY_REFUSED = 24; // 400, a body on GET or HEAD
export const REASON_UPSTREAM_UNREACHABLE = 25; // 502, counted apart from refusals
export const REASON_UPSTREAM_TIMEOUT = 26; // 504, counted apart from refusals
export const REASON_POLICY_MISSING = 27; // 503
export const REASON_CORE_FAULT = 28; // 503
export const REASON_OBJECT_NOT_OWNED = 29; // 403
export const REASON_ROLE_MISSING = 30; // 403
export const REASON_REVOKED = 31; // 401
export const REASON_GRANT_EXPIRED = 32; // 403, the scope was granted until less than a day ago
export const REASON_PROOF_MISSING = 33; // 401, as all to 37: the token is bound to a key, or has to be, and nothing proves possession
export const REASON_PROOF_INVALID = 34;
export const REASON_PROOF_REPLAYED = 35; // or there is no room to remember that it was used
export const REASON_CERTIFICATE_MISMATCH = 36;
export const REASON_NONCE_REQUIRED = 37; // NONCE holds the one to use
export const REASON_ADDRESS_NOT_ALLOWED = 38; // 403, the API key may not be used from there
export const REASON_DEVICE_QUARANTINED = 39; // 403
export const REASON_TOKEN_TOO_OLD = 40; // 401
export const REASON_LIFETIME_TOO_LONG = 41; // 401
export const REASON_TYPE_REFUSED = 42; // 401
export const REASON_VERIFICATION_LIMITED = 43; // 429
export const REASON_KEYS_UNAVAILABLE = 44; // 503
export const REASON_CREDENTIAL_IN_QUERY = 45; // 401 where there is no other credential, else let pass and shown
export const REASON_BLOCKED = 46; // 429, the penalty box: too many refusals lately
export const REASON_LIMIT_UNREACHABLE = 47; // 503, whoever keeps a wider limit is away, and the limit refuses then
export const REASON_COUNT = 48;
export const VERIFICATION_NEEDED = -1; // where a REASON_* is answered: only the host can verify this signature, or knows this key

export const KIND_NONE = 0;
export const KIND_USER = 1;
export const KIND_SERVICE = 2;
export const KIND_DEVICE = 3;
export const KIND_AGENT = 4;
export const KIND_PARTNER = 5;

// ---------------------------------------------------------------- memory map: each region starts where the one before ends
export const MEMORY_PAGES = 632; // 39.5 MiB, initial = maximum
export const STATIC_END = 0x10000; // below: what asc itself lays out (constants); checked by core_boot

// The request: the host writes it, decide() reads it.
export const REQUEST = STATIC_END;
export const REQUEST_METHOD = REQUEST; // i32 METHOD_*
export const REQUEST_FLAGS = REQUEST + 4; // i32 FLAG_*
export const REQUEST_PATH_LENGTH = REQUEST + 8; // i32, MAX_PATH + 1 says "too long"
export const REQUEST_HOST_LENGTH = REQUEST + 12; // i32
export const REQUEST_ADDRESS_LENGTH = REQUEST + 16; // i32, 0 = unknown
export const REQUEST_ASN = REQUEST + 20; // i32, 0 = unknown
export const REQUEST_COUNTRY = REQUEST + 24; // i32, two ASCII letters, first in the low byte; 0 = unknown
export const REQUEST_COLO = REQUEST + 28; // i32, three ASCII letters, first in the low byte; 0 = unknown
export const REQUEST_CREDENTIAL_LENGTHS = REQUEST + 32; // i32 × CREDENTIAL_SLOTS, 0 = absent, MAX_TOKEN + 1 says "too large"
export const REQUEST_HEADER_LENGTHS = REQUEST + 64; // i32 × KEY_HEADERS, 0 = absent or longer than MAX_KEY_HEADER
export const REQUEST_SIZE = 96;
export const FLAG_PREFLIGHT = 1; // OPTIONS with Origin and Access-Control-Request-Method: passes unauthenticated
export const FLAG_BODY = 2; // the request carries a body although its method is GET or HEAD
export const FLAG_KEY_IN_QUERY = 4; // the query holds an API key of our making

export const PATH = REQUEST + REQUEST_SIZE; // raw path in, normalized path out
export const HOST = PATH + MAX_PATH + 16; // slack lets 16-byte loads run past the end
export const ADDRESS = HOST + 272;
export const CREDENTIALS = ADDRESS + 64; // CREDENTIAL_SLOTS × CREDENTIAL_SIZE
export const CREDENTIAL_SIZE = MAX_TOKEN + 64; // 64 behind the token: SHA-256 padding
export const HEADERS = CREDENTIALS + CREDENTIAL_SLOTS * CREDENTIAL_SIZE; // KEY_HEADERS × MAX_KEY_HEADER: what limits count by
export const REQUEST_END = HEADERS + KEY_HEADERS * MAX_KEY_HEADER;

// The verdict: decide() writes it, the host reads it before its next await.
export const VERDICT = REQUEST_END;
export const VERDICT_REASON = VERDICT; // i32 REASON_*
export const VERDICT_SERVICE = VERDICT + 4; // i32 index, -1 = none
export const VERDICT_OPERATION = VERDICT + 8; // i32 index; 0 = the operation of requests that match no service
export const VERDICT_TICKET = VERDICT + 12; // i32, hand it to settle(); -1 = not sampled
export const VERDICT_EVENT_LOW = VERDICT + 16; // u32 event id = request id
export const VERDICT_EVENT_HIGH = VERDICT + 20; // u32
export const VERDICT_PRINCIPAL = VERDICT + 24; // u32 address of UTF-8 bytes
export const VERDICT_PRINCIPAL_LENGTH = VERDICT + 28; // i32
export const VERDICT_SCOPES = VERDICT + 32; // u32 address of space-separated scopes
export const VERDICT_SCOPES_LENGTH = VERDICT + 36; // i32
export const VERDICT_PATH_LENGTH = VERDICT + 40; // i32 bytes of the normalized path at PATH
export const VERDICT_PATH_CHANGED = VERDICT + 44; // i32 1 = normalization changed bytes: forward what stands at PATH
export const VERDICT_AUTHENTICATOR = VERDICT + 48; // i32 index, -1 = none
export const VERDICT_KIND = VERDICT + 52; // i32 KIND_*
export const VERDICT_SLOT = VERDICT + 56; // i32 credential slot that was used, -1 = none
export const VERDICT_LIMIT = VERDICT + 60; // i32 limit that refused, else the one with least left; -1 = no limit applied
export const VERDICT_REMAINING = VERDICT + 64; // i32 requests left under that limit
export const VERDICT_RETRY_MS = VERDICT + 68; // i32 ms until a request would be admitted, 0 when admitted
export const VERDICT_RESET_MS = VERDICT + 72; // i32 ms until that limit is full again
export const VERDICT_ROLES = VERDICT + 76; // u32 bits: the policy's roles that the caller holds
export const VERDICT_TAB = VERDICT + 80; // i32, reserved: handle + 1 of what is charged when the answer is known, 0 = nothing is
export const VERDICT_KEY_AGES = VERDICT + 92; // i32 1 = what is known of the stored API key should be read anew: VERIFY_* say which
export const VERDICT_CLEARED = 96; // each decide() starts with zeros up to here; what follows means something with VERDICT_VERIFY or VERDICT_KEY_AGES alone
export const VERIFY_AUTHENTICATOR = VERDICT + 96; // i32 index; also with REASON_VERIFICATION_LIMITED
export const VERIFY_ALGORITHM = VERDICT + 100; // i32 ALG_*, or VERIFY_STORED_KEY
export const VERIFY_SLOT = VERDICT + 104; // i32 credential slot; PROOF_SLOT = the DPoP proof
export const VERIFY_KID = VERDICT + 108; // u32 address of UTF-8 bytes; of a proof: its public key as a JWK
export const VERIFY_KID_LENGTH = VERDICT + 112; // i32, -1 = the token names none
export const VERIFY_INPUT = VERDICT + 116; // u32 address of the JWS signing input; of a stored key's SHA-256
export const VERIFY_INPUT_LENGTH = VERDICT + 120; // i32
export const VERIFY_SIGNATURE = VERDICT + 124; // u32 address of the decoded signature
export const VERIFY_SIGNATURE_LENGTH = VERDICT + 128; // i32
export const VERDICT_SIZE = 144;
export const VERIFY_STORED_KEY = -1; // no signature: an API key that the host looks up by its SHA-256, key_learn or key_refuse, and decides again

export const SCRATCH = VERDICT + VERDICT_SIZE; // decoded header, claims, unescaped strings; never meaningful after a call
export const SCRATCH_SIZE = 0x10000;

// Two policy image slots: load into the one not in force, then swap.
export const IMAGE_SLOT_0 = 0x40000;
export const IMAGE_SIZE = 0x200000; // 2 MiB each
export const IMAGE_SLOT_1 = IMAGE_SLOT_0 + IMAGE_SIZE;

// Exact counts per operation since the last report.
export const STATS = IMAGE_SLOT_1 + IMAGE_SIZE; // MAX_OPERATIONS × STATS_SIZE
export const STATS_COUNTS = 0; // u32 × VERDICT_COUNT × REASON_COUNT, index = verdict * REASON_COUNT + reason
export const STATS_STATUSES = 576; // u32 × 6: upstream answers 1xx … 5xx, and upstream failures (502/504 of ours)
export const STATS_LATENCY = 600; // u32 × LATENCY_BUCKETS
export const LATENCY_BUCKETS = 140; // bucket i holds (γ^(i-1), γ^i] × 0.1 ms, γ = (1+α)/(1-α), α = 5 % (DDSketch, VLDB 2019)
export const STATS_BYTES_IN = 1160; // f64
export const STATS_BYTES_OUT = 1168; // f64
export const STATS_MARK = 1176; // u32 1 = listed in DIRTY
export const STATS_REQUESTS = 1180; // u32 sum of STATS_COUNTS
export const STATS_SIZE = 1280;
export const DIRTY = STATS + MAX_OPERATIONS * STATS_SIZE; // u32 × MAX_OPERATIONS: operations with a mark

// Tokens whose signature is known (layouts in wasm/core/token-cache.ts): good ones, and for seconds those that were refused.
export const TOKENS = DIRTY + MAX_OPERATIONS * 4;
export const TOKEN_ENTRIES = 65536; // a power of two
export const TOKEN_ENTRY_SIZE = 64;
export const REFUSED_TOKENS = TOKENS + TOKEN_ENTRIES * TOKEN_ENTRY_SIZE;
export const REFUSED_ENTRIES = 1024; // a power of two
export const REFUSED_ENTRY_SIZE = 32;

// What was judged of tokens that return (wasm/core/token-facts.ts), and which tokens came before (token-seen.ts).
export const FACTS = REFUSED_TOKENS + REFUSED_ENTRIES * REFUSED_ENTRY_SIZE;
export const FACTS_ENTRIES = 8192; // a power of two
export const FACTS_ENTRY_SIZE = 512;
export const SEEN_TOKENS = FACTS + FACTS_ENTRIES * FACTS_ENTRY_SIZE;
export const SEEN_BUCKETS = 8192; // a power of two; of 16 bytes

// Proof of possession: what the host writes beside the request, the nonce that decide() answers, room for reading a proof
// (wasm/core/proof.ts), and the proofs that were used (wasm/core/proof-replays.ts).
export const POSSESSION = SEEN_TOKENS + SEEN_BUCKETS * 16;
export const PROOF_SLOT = CREDENTIAL_SLOTS; // of no credential
export const PROOF_LENGTH = POSSESSION; // i32, 0 = no DPoP header, MAX_PROOF + 1 says "too large"
export const ORIGIN_LENGTH = POSSESSION + 4; // i32
export const CERTIFICATE_SHOWN = POSSESSION + 8; // i32 1 = the TLS edge has verified the client's certificate
export const NONCE_LENGTH = POSSESSION + 12; // i32 out; 0 = there is none to hand out
export const CERTIFICATE = POSSESSION + 16; // 32 bytes SHA-256 of the client's certificate
export const NONCE = POSSESSION + 48; // out: base64url
export const ORIGIN = POSSESSION + 96; // scheme://host:port, as asked for
export const PROOF = ORIGIN + MAX_ORIGIN + 16; // the DPoP header's value
export const PROOF_ROOM = PROOF + MAX_PROOF + 64;
export const USED_PROOFS = POSSESSION + 0x8000;
export const USED_PROOF_ENTRIES = 131072; // a power of two
export const USED_PROOF_SIZE = 16;

// Authenticated callers since the last report (wasm/core/callers.ts), and what each did: dense lists, each with a hash index
// {u32 position + 1, 0 = free}. The host reads the lists.
export const CALLERS = USED_PROOFS + USED_PROOF_ENTRIES * USED_PROOF_SIZE; // MAX_CALLERS × CALLER_SIZE
export const MAX_CALLERS = 1024;
export const MAX_CALLER_PRINCIPAL = 255; // bytes, OIDC Core §2; who has a longer name is not listed, only counted
export const MAX_CALLER_PLACES = 4;
export const CALLER_HASH = 0; // u64
export const CALLER_AUTHENTICATOR = 8; // i32
export const CALLER_ROLES = 12; // u32 bits
export const CALLER_KIND = 16; // u8 KIND_*
export const CALLER_ENDLESS = 17; // u8 1 = a credential without an expiry was accepted
export const CALLER_PLACE_COUNT = 18; // u8
export const CALLER_ADDRESS_LENGTH = 19; // u8
export const CALLER_PRINCIPAL_LENGTH = 20; // u16
export const CALLER_SCOPES_LENGTH = 22; // u16
export const CALLER_CREDENTIAL_LENGTH = 24; // u8
export const CALLER_FIRMWARE_LENGTH = 25; // u8, 0 = the newest credential says none
export const CALLER_CREDENTIAL_WHOLE = 28; // i32 bytes before it was cut
export const CALLER_SCOPES_WHOLE = 32; // i32
export const CALLER_LAST_OPERATION = 36; // u16, and where its counts are:
export const CALLER_LAST_PAIR = 38; // u16 position + 1, 0 = none
export const CALLER_LAST_MS = 40; // f64
export const CALLER_EXPIRES_MS = 48; // f64 of the newest credential, Infinity = never
export const CALLER_PLACES = 56; // {u32 asn, u16 country, u16 0} × MAX_CALLER_PLACES; what stands behind is seldom touched
export const CALLER_FIRST_MS = 88; // f64
export const CALLER_ISSUED_MS = 96; // f64 of the newest credential, NaN = it does not say
export const CALLER_LIFETIME_MS = 104; // f64 the longest of a credential, NaN = none says both dates
export const CALLER_ADDRESSES = 112; // u64 bit (hash mod 64) for each address
export const CALLER_CLEARED = 128; // a new record starts with zeros up to here
// Texts stand close together, so that a request touches few cache lines: each begins at a multiple of 16 behind the one before.
export const CALLER_PRINCIPAL = 128; // UTF-8; behind it the last address, CALLER_ADDRESS_SIZE; firmware, CALLER_FIRMWARE_SIZE; the newest credential's name; its scopes
export const CALLER_ADDRESS_SIZE = 48;
export const CALLER_FIRMWARE_SIZE = 32; // ASCII, cut
export const CALLER_CREDENTIAL_SIZE = 64; // cut at a character
export const CALLER_SCOPES_SIZE = 512; // cut at a space
export const CALLER_SIZE = 1088; // an odd number of cache lines: records spread over all sets of a cache
export const CALLER_INDEX = CALLERS + MAX_CALLERS * CALLER_SIZE; // u32 × CALLER_BUCKETS
export const CALLER_BUCKETS = 2048; // a power of two
export const CALLER_PAIRS = CALLER_INDEX + CALLER_BUCKETS * 4; // MAX_CALLER_PAIRS × PAIR_SIZE
export const MAX_CALLER_PAIRS = 4096;
export const PAIR_KEY = 0; // u32 caller × MAX_OPERATIONS + operation
export const PAIR_ALLOWED = 4; // u32, in shadow mode too
export const PAIR_REFUSED = 8; // u32
export const PAIR_SIZE = 16;
export const PAIR_INDEX = CALLER_PAIRS + MAX_CALLER_PAIRS * PAIR_SIZE; // u32 × PAIR_BUCKETS
export const PAIR_BUCKET_BITS = 13;
export const PAIR_BUCKETS = 8192; // 1 << PAIR_BUCKET_BITS

// API keys that are kept in D1, as the host read them (wasm/core/key-facts.ts). One stands at SCRATCH for key_learn.
export const KEY_FACTS = PAIR_INDEX + PAIR_BUCKETS * 4;
export const KEY_FACT_ENTRIES = 4096; // a power of two
export const KEY_FACT_DIGEST = 0; // 32 bytes SHA-256
export const KEY_FACT_AUTHENTICATOR = 32; // u32
export const KEY_FACT_GENERATION = 36; // u32 of the image; the core's own
export const KEY_FACT_READ_MS = 40; // f64 when the reading began; 0 = the entry is empty
export const KEY_FACT_RENEW_MS = 48; // f64 when it is next said that it ages; the core's own
export const KEY_FACT_MADE_MS = 56; // f64: a revocation may be of older keys alone
export const KEY_FACT_EXPIRES_MS = 64; // f64, 0 = never
export const KEY_FACT_KIND = 72; // u32 KIND_*
export const KEY_FACT_ROLES = 76; // u32 bits
export const KEY_FACT_NETWORKS_LENGTH = 80; // u32 bytes, 0 = it may be used from anywhere
export const KEY_FACT_ID_LENGTH = 84; // u32 bytes, at least 1
export const KEY_FACT_SCOPES_LENGTH = 88; // u32 bytes
export const KEY_FACT_NETWORKS = 96; // MAX_NETWORKS × NETWORK_SIZE
export const NETWORK_SIZE = 17; // 16 bytes of an address, IPv4 as IPv4-mapped, and the prefix in bits
export const KEY_FACT_ID = 232; // 64: the principal
export const KEY_FACT_SCOPES = 296; // 216, space-separated
export const KEY_FACT_SIZE = 512;

// Two overlay slots (revocations, grants and exemptions; wasm/core/overlay.ts): a hash table, then the grants' texts, then the
// exemptions one behind the other, zeros behind the last.
export const OVERLAY_SLOT_0 = KEY_FACTS + KEY_FACT_ENTRIES * KEY_FACT_SIZE;
export const OVERLAY_BUCKETS = 8192; // a power of two, larger than MAX_REVOCATIONS + MAX_GRANTS + MAX_EXEMPTIONS
export const OVERLAY_BUCKET_SIZE = 32;
export const OVERLAY_GRANTS = OVERLAY_BUCKETS * OVERLAY_BUCKET_SIZE; // offset in a slot
export const OVERLAY_EXEMPTIONS = OVERLAY_GRANTS + MAX_GRANTS * (MAX_GRANT_TEXT + 32); // offset in a slot
export const OVERLAY_SIZE = OVERLAY_EXEMPTIONS + MAX_EXEMPTIONS * 360 + 64; // 360: the longest entry, 63 + 255 + 8 bytes of text
export const OVERLAY_SLOT_1 = OVERLAY_SLOT_0 + OVERLAY_SIZE;

// Reserved, not in use yet. Wider limits: what the region lends of each key, and what a request must ask for before it is decided.
export const CONSULTS = OVERLAY_SLOT_1 + OVERLAY_SIZE; // i32 count, then from CONSULT_LIST MAX_REQUEST_LIMITS × CONSULT_SIZE
export const CONSULT_LIST = CONSULTS + 16;
export const CONSULT_KEY = 0; // u64
export const CONSULT_LIMIT = 8; // i32 index
export const CONSULT_NEEDS = 12; // u32 units
export const CONSULT_SIZE = 16;
export const LEASES = CONSULTS + 256; // MAX_LEASES × LEASE_SIZE
export const MAX_LEASES = 16384;
export const LEASE_SIZE = 64;
export const LEASE_INDEX = LEASES + MAX_LEASES * LEASE_SIZE; // u32 × LEASE_BUCKETS
export const LEASE_BUCKETS = 32768; // a power of two

// Reserved, not in use yet. What is charged, or released, when a request's answer is known.
export const TABS = LEASE_INDEX + LEASE_BUCKETS * 4; // MAX_TABS × TAB_SIZE
export const MAX_TABS = 4096;
export const TAB_SIZE = 256;
export const IN_FLIGHT = TABS + MAX_TABS * TAB_SIZE; // requests in flight by key: IN_FLIGHT_CELLS × 16
export const IN_FLIGHT_CELLS = 16384; // a power of two

// Penalty box: who is blocked, and whose refusals the region is told (wasm/core/penalties.ts).
export const BLOCKS = IN_FLIGHT + IN_FLIGHT_CELLS * 16; // BLOCK_BUCKETS × 16
export const MAX_BLOCKS = 1024;
export const BLOCK_BUCKETS = 2048; // a power of two
export const REFUSED_KEYS = BLOCKS + BLOCK_BUCKETS * 16; // MAX_REFUSED_KEYS × REFUSED_KEY_SIZE
export const MAX_REFUSED_KEYS = 256;
export const REFUSED_KEY = 0; // u64, 0 = the place is free: a key stands near its low bits
export const REFUSED_REFUSALS = 8; // u32 by the limit
export const REFUSED_KNOCKS = 12; // u32 by the block
export const REFUSED_LIMIT = 16; // i32 index
export const REFUSED_AUTHENTICATOR = 20; // i32 index, -1 = none
export const REFUSED_PRINCIPAL_LENGTH = 24; // u8
export const REFUSED_ADDRESS_LENGTH = 25; // u8
export const REFUSED_PRINCIPAL = 32; // UTF-8, cut at a character; of the first request of that key, as the address is
export const REFUSED_PRINCIPAL_SIZE = 96;
export const REFUSED_ADDRESS = 128; // text, 48
export const REFUSED_KEY_SIZE = 192; // an odd number of cache lines

// Reserved, not in use yet. Exact counts per limit since the last report.
export const LIMIT_STATS = REFUSED_KEYS + MAX_REFUSED_KEYS * REFUSED_KEY_SIZE; // MAX_LIMIT_RECORDS × LIMIT_STATS_SIZE
export const LIMIT_STATS_REFUSED = 0; // u32
export const LIMIT_STATS_SHADOWED = 4; // u32 would have been refused
export const LIMIT_STATS_CHARGED = 8; // f64 units
export const LIMIT_STATS_SIZE = 16;
export const ARENA = LIMIT_STATS + MAX_LIMIT_RECORDS * LIMIT_STATS_SIZE; // GCRA tables, samplers: handed out at boot, never returned

// ---------------------------------------------------------------- event record: one sampled request
export const EVENT_ID = 0; // u64
export const EVENT_TIME_MS = 8; // f64
export const EVENT_PRIORITY = 16; // f64 w / u
export const EVENT_WEIGHT = 24; // f64 w; the estimator's weight is max(w, threshold)
export const EVENT_THRESHOLD = 32; // f64 the largest priority that was left out of its stratum, 0 = none was
export const EVENT_STRATUM = 40; // u8
export const EVENT_VERDICT = 41; // u8
export const EVENT_REASON = 42; // u8
export const EVENT_METHOD = 43; // u8
export const EVENT_OPERATION = 44; // i32
export const EVENT_AUTHENTICATOR = 48; // i16, -1 = none
export const EVENT_KIND = 50; // u8
export const EVENT_SETTLED = 51; // u8
export const EVENT_STATUS = 52; // u16, 0 = not known yet
export const EVENT_COUNTRY = 54; // u16
export const EVENT_ASN = 56; // u32
export const EVENT_COLO = 60; // u32
export const EVENT_LATENCY_MS = 64; // f64
export const EVENT_BYTES_IN = 72; // f64
export const EVENT_BYTES_OUT = 80; // f64
export const EVENT_LIMIT = 88; // i32, -1 = none
export const EVENT_ADDRESS_LENGTH = 92; // u8
export const EVENT_PRINCIPAL_LENGTH = 93; // u8
export const EVENT_PATH_LENGTH = 94; // u16
export const EVENT_ADDRESS = 96; // text, 48
export const EVENT_PRINCIPAL = 144; // UTF-8, cut at a character, 96
export const EVENT_PRINCIPAL_SIZE = 96;
export const EVENT_PATH = 240; // as matched, cut at 272
export const EVENT_PATH_SIZE = 272;
export const EVENT_SIZE = 512;

export const STRATA = 6; // verdict × (other, hot)
export const HOT_REQUESTS = 32; // an operation is hot for the rest of a report once it has had so many requests in it
export const MAX_SAMPLES = 256; // the largest k of a stratum

// ---------------------------------------------------------------- policy image
export const IMAGE_MAGIC = 0x31544b50; // "PKT1"
export const IMAGE_HEADER = 128;
export const HEADER_MAGIC = 0; // u32
export const HEADER_ABI = 4; // u32 ABI_VERSION
export const HEADER_POLICY = 8; // u32 policy version
export const HEADER_LENGTH = 12; // u32 bytes of the whole image
export const HEADER_CHECKSUM = 16; // u32 FNV-1a over bytes [IMAGE_HEADER, length), then over the section directory
export const HEADER_SEED = 24; // 16 bytes: SipHash key for limits, the deployment's
export const HEADER_SECTIONS = 40; // section directory: {u32 offset from the image's start, u32 records} × SECTIONS
// 40 + 11 × 8 = 128
export const SECTIONS = 11;
export const SECTION_SERVICES = 0;
export const SECTION_NODES = 1;
export const SECTION_EDGES = 2;
export const SECTION_OPERATIONS = 3;
export const SECTION_LIMITS = 4;
export const SECTION_AUTHENTICATORS = 5;
export const SECTION_HMAC_KEYS = 6;
export const SECTION_API_KEYS = 7;
export const SECTION_STRINGS = 8; // {u32 offset into bytes, u32 length}
export const SECTION_REFS = 9; // u32 lists that records point into by {first, count}
export const SECTION_BYTES = 10; // records are single bytes
// Every section starts at a multiple of 8, in the order above, without overlap. "string" = index into SECTION_STRINGS, -1 = none.

export const SERVICE_HOST = 0; // string, lower case; -1 = any host
export const SERVICE_PREFIX = 4; // string, "/" or "/a/b" without trailing slash
export const SERVICE_ROOT = 8; // node: templates are whole paths, so services may share it
export const SERVICE_UNDOCUMENTED = 12; // operation that stands for whatever matches no template
export const SERVICE_UNDOCUMENTED_MODE = 16; // u32 UNDOCUMENTED_*
export const SERVICE_AUTHS_FIRST = 20; // refs → authenticators, in the policy's order
export const SERVICE_AUTHS_COUNT = 24; // 0 = public
export const SERVICE_FLAGS = 28; // u32 SERVICE_FAIL_OPEN
export const SERVICE_KEY = 32; // u64 hash of its name: what limits by service count, whatever its index
export const SERVICE_SIZE = 40; // sorted: host before any host, then longer prefix first; the first that matches wins
export const UNDOCUMENTED_ALLOW = 0;
export const UNDOCUMENTED_REPORT = 1;
export const UNDOCUMENTED_REFUSE = 2;
export const SERVICE_FAIL_OPEN = 1;

export const NODE_EDGES_FIRST = 0; // edges to literal children, sorted by (length, bytes)
export const NODE_EDGES_COUNT = 4;
export const NODE_PARAMETER = 8; // node for {name}, -1 = none
export const NODE_WILDCARD = 12; // node for a last {name+} (one or more segments), -1 = none
export const NODE_METHODS_FIRST = 16; // refs: METHOD_COUNT operations indexed by METHOD_*, -1 = none; or -1 when the node ends no template
export const NODE_SIZE = 24;

export const EDGE_OFFSET = 0; // u32 into bytes
export const EDGE_LENGTH = 4; // u32
export const EDGE_CHILD = 8; // node, always a larger index than its parent's, so that there are no cycles
export const EDGE_SIZE = 12;

export const OPERATION_SERVICE = 0; // -1 for operation 0
export const OPERATION_SCOPES_FIRST = 4; // refs → strings, all of them needed
export const OPERATION_SCOPES_COUNT = 8;
export const OPERATION_LIMITS_FIRST = 12; // refs → limits: the service's, then its own; at most MAX_REQUEST_LIMITS
export const OPERATION_LIMITS_COUNT = 16;
export const OPERATION_COST = 20; // u32 1 … MAX_COST: requests that one counts for in each of its limits
export const OPERATION_BINDS_FIRST = 24; // refs: pairs {segment of the path, from 0; custom claim index or BIND_PRINCIPAL}
export const OPERATION_BINDS_COUNT = 28; // pairs, by rising segment; all must hold
export const OPERATION_ROLES = 32; // u32 bits: roles, one of which is needed; 0 = none is
export const OPERATION_CARRIERS_FIRST = 36; // refs: for each needed scope, u32 bits of the roles that carry it
export const OPERATION_KEY = 40; // u64 hash of service, method and template
export const OPERATION_SIZE = 48;
export const BIND_PRINCIPAL = -1;

export const LIMIT_SALT = 0; // u64 hash of the limit's name and window: cells survive a change of policy
export const LIMIT_INTERVAL_US = 8; // f64: T, µs that one unit costs; whole and rounded up, but for bytes, whose charge is rounded up instead
export const LIMIT_TOLERANCE_US = 16; // f64 integer: τ = (burst − 1) × T; for bytes burst × T, rounded down
export const LIMIT_PARTS_FIRST = 24; // refs: pairs {KEY_*, argument}: what is counted apart
export const LIMIT_PARTS_COUNT = 28; // 1 … MAX_KEY_PARTS
export const LIMIT_FLAGS = 32; // u32 LIMIT_STRICT | LIMIT_BY_ADDRESS | LIMIT_SHADOW | LIMIT_WIDE | LIMIT_AWAY_REFUSES | LIMIT_PENALTY
export const LIMIT_BURST = 36; // u32 units; LIMIT_CONCURRENT: requests in flight
export const LIMIT_NAME_HASH = 40; // u64: the same for each of its windows; exemptions name it
export const LIMIT_KIND = 48; // u32 LIMIT_RATE …
export const LIMIT_COUNTS = 52; // u32 COUNT_REQUESTS …: what a unit is
export const LIMIT_FIRST_CONTACT = 56; // u32 LIMIT_WIDE: units that pass before the region was first heard of a key
export const LIMIT_HOLD_S = 60; // u32 LIMIT_CONCURRENT: how long a request may count as in flight
export const LIMIT_SIZE = 64;
export const LIMIT_RATE = 0;
export const LIMIT_CONCURRENT = 1; // T = 1, τ = 0 mean nothing
export const LIMIT_QUOTA = 2; // held by leases alone: T = 1, τ = 0 mean nothing
export const LIMIT_KIND_COUNT = 3;
export const COUNT_REQUESTS = 0; // each as many as its operation costs
export const COUNT_UPSTREAM_COST = 1; // the operation's cost when it is admitted, and what the answer's X-Picket-Cost has beyond it
export const COUNT_BYTES_IN = 2; // of bodies, when they are known
export const COUNT_BYTES_OUT = 3;
export const COUNT_BYTES = 4; // both
export const COUNT_KINDS = 5;
export const KEY_PRINCIPAL = 0; // no principal → the client's address
export const KEY_ADDRESS = 1; // IPv4 whole, IPv6 by /64
export const KEY_CLAIM = 2; // custom claim index; claim absent → the principal
export const KEY_OPERATION = 3;
export const KEY_SERVICE = 4;
export const KEY_CREDENTIAL = 5; // the very token or key; without one → the client's address
export const KEY_NETWORK = 6; // IPv4 by /24, IPv6 by /48
export const KEY_ASN = 7; // unknown ones count together, as unknown countries do
export const KEY_COUNTRY = 8;
export const KEY_PARAMETER = 9; // segment of the path, from 0; -1: this operation has no such parameter → the principal
export const KEY_HEADER = 10; // slot; header absent → the principal
export const KEY_COUNT = 11;
export const LIMIT_STRICT = 1; // eviction keeps a floor per bucket: never over-admits, may delay a new key
export const LIMIT_BY_ADDRESS = 2; // counts by address or network and by nothing of the caller: holds for preflights too
export const LIMIT_SHADOW = 4; // what it would refuse passes, is told, and charges it nothing
export const LIMIT_WIDE = 8; // counted over a region or all of them: needs a lease
export const LIMIT_AWAY_REFUSES = 16; // LIMIT_WIDE: refuses while whoever keeps it is away; else the isolate's own count holds alone
export const LIMIT_PENALTY = 32; // its refusals are told to the region by key, and it refuses the keys that the region blocks

export const AUTH_TYPE = 0; // u32 AUTH_*
export const AUTH_SLOT = 4; // u32 credential slot
export const AUTH_ISSUER = 8; // string, -1 = not checked
export const AUTH_AUDIENCES_FIRST = 12; // refs → strings; any of them
export const AUTH_AUDIENCES_COUNT = 16;
export const AUTH_ALGORITHMS = 20; // u32 bits 1 << ALG_*
export const AUTH_KEYS_FIRST = 24; // HMAC keys
export const AUTH_KEYS_COUNT = 28;
export const AUTH_KIND = 32; // u32 KIND_*
export const AUTH_TOLERANCE_S = 36; // u32 clock tolerance
export const AUTH_CLAIMS_FIRST = 40; // refs → strings: MAX_CUSTOM_CLAIMS names at most, the same list for every authenticator
export const AUTH_CLAIMS_COUNT = 44;
// … For a CWT each string is the key of the claim, encoded in CBOR.
export const AUTH_ROLES_CLAIM = 48; // string: the claim that names a caller's roles, -1 = none
export const AUTH_ROLES_FIRST = 52; // refs → strings: the policy's roles by their bit, the same list for every authenticator
export const AUTH_ROLES_COUNT = 56;
export const AUTH_FLAGS = 60; // u32 AUTH_DERIVED | AUTH_EXPIRY_OPTIONAL | AUTH_POSSESSION | AUTH_STORED
export const AUTH_SCOPES = 64; // string: space-separated, the scopes of every caller with a derived key; -1 = none
export const AUTH_NAME = 68; // string: what revocations and grants call it; keeps callers of authenticators without an issuer apart
export const AUTH_VERIFY_INTERVAL_US = 72; // f64 integer: T of the signatures that one address may have verified by the host, or of stored keys that it may have looked up
export const AUTH_VERIFY_TOLERANCE_US = 80; // f64 integer: τ
export const AUTH_VERIFY_SALT = 88; // u64 hash of the authenticator's name
export const AUTH_TYP = 96; // string, -1 = not checked: the header's typ in lower case, without "application/"
export const AUTH_MAX_AGE_S = 100; // u32 since iat, 0 = any
export const AUTH_MAX_LIFETIME_S = 104; // u32 from iat to exp, 0 = any
export const AUTH_FIRMWARE = 108; // string: the claim that says a device's firmware, -1 = none; for a CWT as its other claims
export const AUTH_PROOF_AGE_S = 112; // u32 since a DPoP proof's iat
export const AUTH_ENVIRONMENT = 116; // string, -1 = any: the <env> that its API keys must have, pk_<env>_…
export const AUTH_SIZE = 120;
export const AUTH_JWT = 0;
export const AUTH_API_KEY = 1;
export const AUTH_CWT = 2;
export const AUTH_DERIVED = 1; // the one HMAC key is the secret from which each device's key is derived (wasm/core/device-key.ts)
export const AUTH_EXPIRY_OPTIONAL = 2;
export const AUTH_DPOP = 16; // takes tokens that are bound to a key, with their proofs
export const AUTH_DPOP_REQUIRED = 32; // … and no others
export const AUTH_DPOP_NONCE = 64; // proofs need a nonce of ours
export const AUTH_MTLS = 128; // takes only tokens that are bound to the client's certificate
export const AUTH_POSSESSION = 240; // all of these
export const AUTH_STORED = 256; // API keys that the image does not hold may be in D1
export const ALG_HS256 = 0; // the core verifies it; all others the host does, once a token
export const ALG_HS384 = 1;
export const ALG_HS512 = 2;
export const ALG_RS256 = 3;
export const ALG_RS384 = 4;
export const ALG_RS512 = 5;
export const ALG_PS256 = 6;
export const ALG_PS384 = 7;
export const ALG_PS512 = 8;
export const ALG_ES256 = 9;
export const ALG_ES384 = 10;
export const ALG_ES512 = 11;
export const ALG_EDDSA = 12; // Ed25519 only
export const ALG_COUNT = 13; // names in worker/engine/names.ts
export const ALG_HMAC_256_64 = 24; // COSE 4 (RFC 9053 §3.1)
export const ALG_HMAC_256_256 = 25; // COSE 5

export const HMAC_KEY_KID = 0; // string, -1 = none
export const HMAC_KEY_INNER = 8; // 32 bytes: SHA-256 state after key ⊕ ipad, big-endian words as the digest has them
export const HMAC_KEY_OUTER = 40; // 32 bytes: … ⊕ opad
export const HMAC_KEY_SIZE = 72;

export const API_KEY_DIGEST = 0; // 32 bytes SHA-256 of the key; records sorted by digest, then authenticator
export const API_KEY_AUTHENTICATOR = 32; // u32
export const API_KEY_ID = 36; // string: the principal
export const API_KEY_SCOPES = 40; // string: space-separated, -1 = none
export const API_KEY_KIND = 44; // u32
export const API_KEY_EXPIRES_MS = 48; // f64, 0 = never
export const API_KEY_ROLES = 56; // u32 bits
export const API_KEY_NETWORKS = 60; // string of NETWORK_SIZE × n bytes: where it may be used from; -1 = anywhere
export const API_KEY_SIZE = 64;

// ---------------------------------------------------------------- overlay: what changes between two policies
// Header, then the revocations, then the grants, then the exemptions. It is written into the image slot that is not in force, and read from there.
export const OVERLAY_MAGIC = 0x314f4b50; // "PKO1"
export const OVERLAY_HEADER = 16;
export const OVERLAY_REVOCATIONS = 4; // u32
export const OVERLAY_GRANT_COUNT = 8; // u32
export const OVERLAY_EXEMPTION_COUNT = 12; // u32
export const ENTRY_KIND = 0; // u32 REVOKED_*, QUARANTINED, GRANT or EXEMPTION
export const ENTRY_AUTHENTICATOR_LENGTH = 4; // u32, 0 = a network is exempt
export const ENTRY_SUBJECT_LENGTH = 8; // u32: of the token id, principal, key id; 0 for an issuer; NETWORK_SIZE for a network
export const ENTRY_SCOPES_LENGTH = 12; // u32: of a grant's space-separated scopes; 8 where one limit is meant, which is the u64 hash of its name; else 0
export const ENTRY_FROM_MS = 16; // f64: revocation: what was issued before is revoked, Infinity = all; grant: its first instant; exemption: no matter
export const ENTRY_UNTIL_MS = 24; // f64: its end, exclusive; Infinity = never, which an exemption must not say
export const ENTRY_TEXT = 32; // the three texts in that order, zeros up to a multiple of 8
export const REVOKED_TOKEN = 1;
export const REVOKED_PRINCIPAL = 2;
export const REVOKED_CREDENTIAL = 3;
export const REVOKED_ISSUER = 4;
export const GRANT = 5;
export const QUARANTINED = 6; // a device, as a revocation of a principal; stands among the revocations
export const EXEMPTION = 7; // from one limit or from all: of a principal or of a network

// ---------------------------------------------------------------- what image_load and overlay_load answer (names in worker/engine/names.ts)
export const LOAD_OK = 0;
export const LOAD_TOO_SHORT = 1;
export const LOAD_BAD_MAGIC = 2;
export const LOAD_WRONG_ABI = 3;
export const LOAD_BAD_LENGTH = 4;
export const LOAD_BAD_CHECKSUM = 5;
export const LOAD_BAD_SECTION = 6; // order, alignment or overlap
export const LOAD_BAD_REFERENCE = 7; // an index or range that leaves its section
export const LOAD_BAD_VALUE = 8; // a number outside its meaning (T ≤ 0, unknown key kind, …)
export const LOAD_BAD_ORDER = 9; // a sorted section is not, or a node's child does not come after it
