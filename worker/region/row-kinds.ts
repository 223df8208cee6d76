import type { LatencyRow } from "../db/latency.ts";
import type { RollupRow } from "../db/rollups.ts";
import type { TrafficRow } from "../db/traffic.ts";
import type { OperationKey, RowKind } from "./keyed-rows.ts";

// U+0000 cannot be part of a name that came through a policy, so keys of different rows differ.
const operationKey = (row: OperationKey) => `${row.minute}\0${row.service}\0${row.method}\0${row.operation}`;

export const rollupKind: RowKind<RollupRow> = {
  key: (row) => `${operationKey(row)}\0${row.verdict}\0${row.reason}`,
  add(into, from) {
    into.requests += from.requests;
  },
  copy: (row) => ({ ...row }),
};

export const trafficKind: RowKind<TrafficRow> = {
  key: operationKey,
  add(into, from) {
    into.statuses = into.statuses.map((count, index) => count + (from.statuses[index] ?? 0));
    into.bytesIn += from.bytesIn;
    into.bytesOut += from.bytesOut;
  },
  copy: (row) => ({ ...row, statuses: [...row.statuses] }),
};

export const latencyKind: RowKind<LatencyRow> = {
  key: (row) => `${operationKey(row)}\0${row.bucket}`,
  add(into, from) {
    into.requests += from.requests;
  },
  copy: (row) => ({ ...row }),
};
