/** The command that refuses a caller everywhere. For any POSIX shell: nothing in a name is expanded. */
export function revokeCommand({ authenticator, principal }: { authenticator: string; principal: string }): string {
  const subject = `--subject=${quoted(principal)}`;
  return `npx picket revoke --kind principal --authenticator=${quoted(authenticator)} ${subject} --reason="…"`;
}

function quoted(text: string): string {
  return /^[A-Za-z0-9_.:@/+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
