export type ListCommand = "search" | "next" | "previous" | "open" | "close";

export const listKeyHelp: readonly { keys: readonly string[]; does: string }[] = [
  { keys: ["/"], does: "search the callers" },
  { keys: ["j", "k"], does: "next, previous caller" },
  { keys: ["enter"], does: "open the caller" },
  { keys: ["esc"], does: "leave the search; back to the list" },
];

/** What a key press asks of the list, or null. While a text is typed only Enter, the arrows and Escape are commands. */
export function listCommandOf(press: {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  onTyping: boolean;
  onControl: boolean;
}): ListCommand | null {
  if (press.ctrlKey || press.metaKey || press.altKey) return null;
  if (press.key === "Escape") return "close";
  if (press.key === "Enter") return press.onControl ? null : "open";
  if (press.key === "ArrowDown" && press.onTyping) return "next";
  if (press.key === "ArrowUp" && press.onTyping) return "previous";
  if (press.onTyping) return null;
  if (press.key === "/") return "search";
  if (press.key === "j") return "next";
  return press.key === "k" ? "previous" : null;
}

/** Where the selection goes: from nothing to the first, never beyond an end; -1 = there is nothing to select. */
export function moved(from: number, by: number, count: number): number {
  return from < 0 ? Math.min(0, count - 1) : Math.min(count - 1, Math.max(0, from + by));
}
