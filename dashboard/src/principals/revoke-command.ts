/** The command that refuses a caller everywhere. For any POSIX shell: nothing in a name is expanded. */
export function revokeCommand({ authenticator, principal }: { authenticator: string; principal: string }): string {
  const name = `--authenticator=${quoted(authenticator)} --subject=${quoted(principal)}`;
  return `npx picket revoke --kind principal \\\n  ${name} \\\n  --reason="say why"`;
}

function quoted(text: string): string {
  return /^[A-Za-z0-9_.:@/+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
