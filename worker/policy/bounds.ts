/** What a policy may hold, beside the core's own bounds in wasm/abi.ts. */
export const MAX_AUTHENTICATORS = 64;
export const MAX_LIMITS = 256;
/** Keys of one authenticator. */
export const MAX_KEYS = 1024;
/** Keys of one CWT authenticator: the core looks for a kid from the first to the last. */
export const MAX_CWT_KEYS = 256;
/** Entries of one list of names: what a service or operation refers to. */
export const MAX_REFERENCES = 32;
