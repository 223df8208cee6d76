import * as abi from "../../wasm/abi.ts";
import { type ImageWriter, NONE } from "./image-writer.ts";
import type { PathTemplate, Segment } from "./template.ts";

interface Node {
  literals: Map<string, Node>;
  parameter: Node | null;
  wildcard: Node | null;
  /** Operations by METHOD_*, or null where no template ends. */
  operations: number[] | null;
}

export interface Route {
  method: number;
  template: PathTemplate;
  operation: number;
}

/**
 * Writes a service's templates as a segment trie and returns its root. Nodes are numbered breadth first, so that a child
 * always comes after its parent.
 */
export function writeTrie(writer: ImageWriter, routes: readonly Route[]): number {
  const root = emptyNode();
  for (const route of routes) insert(root, route);
  return writeNodes(writer, root);
}

function insert(root: Node, { method, template, operation }: Route): void {
  const node = template.segments.reduce(child, root);
  node.operations ??= new Array<number>(abi.METHOD_COUNT).fill(NONE);
  node.operations[method] = operation;
}

function child(node: Node, segment: Segment): Node {
  if (segment.kind === "parameter") {
    node.parameter ??= emptyNode();
    return node.parameter;
  }
  if (segment.kind === "wildcard") {
    node.wildcard ??= emptyNode();
    return node.wildcard;
  }
  const next = node.literals.get(segment.text) ?? emptyNode();
  node.literals.set(segment.text, next);
  return next;
}

function emptyNode(): Node {
  return { literals: new Map(), parameter: null, wildcard: null, operations: null };
}

function writeNodes(writer: ImageWriter, root: Node): number {
  const base = writer.count(abi.SECTION_NODES);
  const queue: Node[] = [root];
  const enqueue = (node: Node | null) => (node === null ? NONE : base + queue.push(node) - 1);
  for (const node of queue) {
    const { view } = writer.record(abi.SECTION_NODES);
    view.setUint32(abi.NODE_EDGES_FIRST, writer.count(abi.SECTION_EDGES), true);
    view.setUint32(abi.NODE_EDGES_COUNT, node.literals.size, true);
    for (const [text, next] of sortedEdges(node)) writeEdge(writer, text, enqueue(next));
    view.setInt32(abi.NODE_PARAMETER, enqueue(node.parameter), true);
    view.setInt32(abi.NODE_WILDCARD, enqueue(node.wildcard), true);
    view.setInt32(abi.NODE_METHODS_FIRST, node.operations === null ? NONE : writer.list(node.operations).first, true);
  }
  return base;
}

function writeEdge(writer: ImageWriter, text: string, to: number): void {
  const { view } = writer.record(abi.SECTION_EDGES);
  const { offset, length } = writer.bytes(text);
  view.setUint32(abi.EDGE_OFFSET, offset, true);
  view.setUint32(abi.EDGE_LENGTH, length, true);
  view.setUint32(abi.EDGE_CHILD, to, true);
}

/** By (length, bytes): literal segments are ASCII, so that code units are bytes. */
function sortedEdges(node: Node): [string, Node][] {
  return [...node.literals].sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1));
}
