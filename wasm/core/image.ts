// The policy image in force: where its sections stand. Two slots, so that a new image is checked beside the one that serves.
import * as abi from "../abi";
import { checkImage } from "./image-check";

/** Address of the image in force; 0 = none yet, and then nothing below means anything. */
export let image: usize = 0;
export let services: usize = 0;
export let nodes: usize = 0;
export let edges: usize = 0;
export let operations: usize = 0;
export let limits: usize = 0;
export let authenticators: usize = 0;
export let hmacKeys: usize = 0;
export let apiKeys: usize = 0;
export let strings: usize = 0;
export let refs: usize = 0;
export let bytes: usize = 0;

export let serviceCount: i32 = 0;
export let operationCount: i32 = 0;
export let limitCount: i32 = 0;
export let authenticatorCount: i32 = 0;
export let hmacKeyCount: i32 = 0;
export let apiKeyCount: i32 = 0;

/** Counts activations: what is derived from an image is stale when this has moved. */
export let imageGeneration: i32 = 0;

/** Bit n: slot n holds an image that passed the check. */
let checkedSlots: i32 = 0;

@inline
function slotAddress(slot: i32): usize {
  return slot == 0 ? abi.IMAGE_SLOT_0 : abi.IMAGE_SLOT_1;
}

/**
 * Checks the `length` bytes that the host put into `slot` (0 or 1). The image in force goes on serving, unless the host
 * wrote over its very slot: then nothing is in force until the next image_activate, because unchecked bytes must not serve.
 *
 * @returns LOAD_*
 */
export function image_load(slot: i32, length: i32): i32 {
  if (<u32>slot > 1) return abi.LOAD_BAD_VALUE;
  checkedSlots &= ~(1 << slot);
  if (image == slotAddress(slot)) image = 0;
  if (<u32>length > <u32>abi.IMAGE_SIZE) return abi.LOAD_BAD_LENGTH;
  const code = checkImage(slotAddress(slot), length);
  if (code == abi.LOAD_OK) checkedSlots |= 1 << slot;
  return code;
}

/**
 * Lends `slot` for something that is no image, which is then not to be activated any more. Its address; 0 when the slot is
 * in force, or none.
 */
export function idleSlot(slot: i32): usize {
  if (<u32>slot > 1 || image == slotAddress(slot)) return 0;
  checkedSlots &= ~(1 << slot);
  return slotAddress(slot);
}

/** Puts the image of `slot` in force. A slot whose last image_load was not LOAD_OK changes nothing. */
export function image_activate(slot: i32): void {
  if (<u32>slot > 1 || (checkedSlots & (1 << slot)) == 0) return;
  image = slotAddress(slot);
  services = section(abi.SECTION_SERVICES);
  nodes = section(abi.SECTION_NODES);
  edges = section(abi.SECTION_EDGES);
  operations = section(abi.SECTION_OPERATIONS);
  limits = section(abi.SECTION_LIMITS);
  authenticators = section(abi.SECTION_AUTHENTICATORS);
  hmacKeys = section(abi.SECTION_HMAC_KEYS);
  apiKeys = section(abi.SECTION_API_KEYS);
  strings = section(abi.SECTION_STRINGS);
  refs = section(abi.SECTION_REFS);
  bytes = section(abi.SECTION_BYTES);
  serviceCount = records(abi.SECTION_SERVICES);
  operationCount = records(abi.SECTION_OPERATIONS);
  limitCount = records(abi.SECTION_LIMITS);
  authenticatorCount = records(abi.SECTION_AUTHENTICATORS);
  hmacKeyCount = records(abi.SECTION_HMAC_KEYS);
  apiKeyCount = records(abi.SECTION_API_KEYS);
  imageGeneration++;
}

function section(index: i32): usize {
  return image + load<u32>(image + abi.HEADER_SECTIONS + (<usize>index << 3));
}

function records(index: i32): i32 {
  return load<i32>(image + abi.HEADER_SECTIONS + 4 + (<usize>index << 3));
}

/** Address of string `index`'s bytes. */
@inline
export function stringAddress(index: i32): usize {
  return bytes + load<u32>(strings + (<usize>index << 3));
}

/** Bytes of string `index`. */
@inline
export function stringLength(index: i32): i32 {
  return load<i32>(strings + (<usize>index << 3), 4);
}

/** Item `index` of the refs. */
@inline
export function refAt(index: i32): i32 {
  return load<i32>(refs + (<usize>index << 2));
}

/** String that is the authenticator's name. */
@inline
export function authenticatorName(index: i32): i32 {
  return load<i32>(authenticators + <usize>index * abi.AUTH_SIZE, abi.AUTH_NAME);
}
