export type Command = "pause" | "next" | "previous" | "open" | "close" | "keys" | "range" | "theme";

/** The keys as the help prints them; the map below is what they do. */
export const keyHelp: readonly { keys: readonly string[]; does: string }[] = [
  { keys: ["space"], does: "pause or resume the live events" },
  { keys: ["j", "k"], does: "next, previous event (pauses)" },
  { keys: ["enter"], does: "open the event" },
  { keys: ["esc"], does: "close what is open" },
  { keys: ["r"], does: "next time range" },
  { keys: ["t"], does: "dark or light" },
  { keys: ["?"], does: "these keys" },
];

const commands: Readonly<Record<string, Command>> = {
  " ": "pause",
  j: "next",
  k: "previous",
  Enter: "open",
  Escape: "close",
  "?": "keys",
  r: "range",
  t: "theme",
};

/** What a key press asks for, or null: keys with modifiers belong to the browser, and a focused control keeps its own. */
export function commandOf(press: {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  onTyping: boolean;
  onControl: boolean;
}): Command | null {
  if (press.ctrlKey || press.metaKey || press.altKey) return null;
  const command = Object.hasOwn(commands, press.key) ? (commands[press.key] ?? null) : null;
  if (command === "close") return command;
  if (press.onTyping) return null;
  if (press.onControl && (press.key === " " || press.key === "Enter")) return null;
  return command;
}
