// Which service and operation a request means. The image holds services in order of preference: the first that matches wins.
import * as abi from "../abi";
import { hostMatches, readHost } from "./host";
import { operations, refAt, serviceCount, services, stringAddress, stringLength } from "./image";
import { looseRead } from "./loose-route";
import { matchLength, pathEscaped } from "./path";
import { bytesEqual } from "./text";
import { nodeAt, trieMatch } from "./trie";

/** What routeMatch found: service index or -1, operation index (0 = no service). */
export let routeService: i32 = -1;
export let routeOperation: i32 = 0;
/** The operation stands for whatever the service's policy does not name. */
export let routeUndocumented: bool = false;

@inline
export function serviceAt(index: i32): usize {
  return services + <usize>index * abi.SERVICE_SIZE;
}

/**
 * Finds service and operation of the normalized path at PATH.
 *
 * @param pathLength bytes of the normalized path
 * @returns REASON_NONE, REASON_SERVICE_UNKNOWN, or REASON_PATH_AMBIGUOUS
 */
export function routeMatch(method: i32, pathLength: i32): i32 {
  routeOperation = 0;
  routeUndocumented = false;
  if (serviceCount > 0 && load<i32>(services + abi.SERVICE_HOST) >= 0) readHost(); // services for a host stand first
  routeService = findService();
  const trailing = pathLength > matchLength;
  const node = routeService < 0 ? -1 : trieMatch(load<i32>(serviceAt(routeService) + abi.SERVICE_ROOT), matchLength, trailing);
  const operation = node < 0 ? -1 : operationOf(node, method);
  if (operation < 0 || pathEscaped != 0) {
    // An upstream that folds case (only worth a look where nothing matched) or decodes more than we do must not find another
    // operation than this one.
    if (looseRead(routeService, node, trailing, operation < 0)) {
      routeService = -1;
      return abi.REASON_PATH_AMBIGUOUS;
    }
  }
  if (routeService < 0) return abi.REASON_SERVICE_UNKNOWN;
  routeUndocumented = operation < 0;
  routeOperation = operation >= 0 ? operation : load<i32>(serviceAt(routeService) + abi.SERVICE_UNDOCUMENTED);
  return abi.REASON_NONE;
}

/** routeMatch for benchmarks: the operation, or -REASON_*. The path is the one that path_normalize left at PATH. */
export function route_match(method: i32, pathLength: i32): i32 {
  const reason = routeMatch(method, pathLength);
  return reason == abi.REASON_NONE ? routeOperation : -reason;
}

/** The node's operation for the method; HEAD falls back to GET's (RFC 9110 §9.3.2). -1 = none of this service. */
function operationOf(node: i32, method: i32): i32 {
  if (method <= abi.METHOD_OTHER || method >= abi.METHOD_COUNT) return -1;
  const first = load<i32>(nodeAt(node) + abi.NODE_METHODS_FIRST);
  let operation = refAt(first + method);
  if (operation < 0 && method == abi.METHOD_HEAD) operation = refAt(first + abi.METHOD_GET);
  if (operation < 0) return -1;
  return load<i32>(operations + <usize>operation * abi.OPERATION_SIZE + abi.OPERATION_SERVICE) == routeService ? operation : -1;
}

function findService(): i32 {
  for (let i = 0; i < serviceCount; i++) {
    const service = serviceAt(i);
    if (hostMatches(service) && prefixMatches(load<i32>(service + abi.SERVICE_PREFIX))) return i;
  }
  return -1;
}

/** Does the path lie under the prefix, by whole segments? */
@inline
function prefixMatches(prefix: i32): bool {
  const length = stringLength(prefix);
  if (length == 1) return true;
  if (length > matchLength || !bytesEqual(stringAddress(prefix), abi.PATH, length)) return false;
  return length == matchLength || load<u8>(abi.PATH + length) == 0x2f;
}
