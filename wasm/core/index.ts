// What the core exports: nothing else is visible to the host. Only i32 and f64 cross; records are in memory (../abi.ts).
export { cbor_scan } from "./cbor";
export { cwt_verify, mac0_verify } from "./cwt";
export { core_boot, decide, evictions_count, settle } from "./decide";
export { gcra_evictions, gcra_new, gcra_take } from "./gcra";
export { hmac_sha256 } from "./hmac";
export { image_activate, image_load } from "./image";
export { json_scan } from "./json";
export { key_evictions, key_learn, key_refuse } from "./key-facts";
export { compact_verify, token_remember, token_verify } from "./jwt";
export { overlay_load } from "./overlay";
export { path_normalize } from "./path";
export { route_match } from "./route";
export { sampler_list, sampler_new, sampler_offer, sampler_resize, sampler_take, sampler_threshold } from "./sampler";
export { sample_list, sample_release, sample_resize, sample_take, unsampled_count } from "./samples";
export { sha256 } from "./sha256";
export { token_evictions, token_hits } from "./token-cache";
export { count_request, dirty_count, latency_bucket, stats_clear } from "./stats";
