import type { Machine } from "./machine.ts";
import type { Goal, Result, Row, Spread } from "./result.ts";

export function machineText(machine: Machine): string {
  const { cpu, cores, memoryGiB, load, node, v8, workerd } = machine;
  const lines = [`${cpu}, ${cores} cores, ${memoryGiB} GiB · Node ${node} (V8 ${v8}) · workerd ${workerd}`];
  lines.push(`load average before the start: ${load.toFixed(2)}`);
  if (load > 0.5) lines.push("Something else is running: figures below are disturbed.");
  return lines.join("\n");
}

/** A benchmark's table, goals and notes as text. */
export function resultText(result: Result): string {
  const columns = [...new Set(result.rows.flatMap((row) => Object.keys(row.measures)))];
  const cells = [["", ...columns], ...result.rows.map((row) => [row.name, ...columns.map((column) => cell(row, column))])];
  const widths = ["", ...columns].map((_, i) => Math.max(...cells.map((line) => line[i]?.length ?? 0)));
  const table = cells.map((line) => line.map((text, i) => pad(text, widths[i] ?? 0, i)).join("  "));
  table.splice(1, 0, widths.map((width) => "─".repeat(width)).join("  "));
  const notes = result.notes.map((note) => `  ${note}`);
  return [`${result.name}: ${result.title}`, ...table, ...result.goals.map(goalText), ...notes].join("\n");
}

function goalText({ says, value, met }: Goal): string {
  return `${met ? "met   " : "MISSED"}  ${says}: ${number(value)}`;
}

function pad(text: string, width: number, column: number): string {
  return column === 0 ? text.padEnd(width) : text.padStart(width);
}

function cell(row: Row, column: string): string {
  const measure = row.measures[column];
  if (measure === null || measure === undefined) return "–";
  return typeof measure === "number" ? number(measure) : spread(measure);
}

function spread({ median, min, max }: Spread): string {
  return `${number(median)} (${number(min)}–${number(max)})`;
}

/** Three significant digits, whole numbers from 1000 on with thousands apart. */
function number(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en").replaceAll(",", " ");
  return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}
