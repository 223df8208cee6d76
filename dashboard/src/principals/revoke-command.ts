/** The command that refuses a caller everywhere. For any POSIX shell: nothing in a name is expanded. */
export function revokeCommand({ authenticator, principal }: { authenticator: string; principal: string }): string {
  const options = [
    "--kind principal",
    `--authenticator=${quoted(authenticator)}`,
    `--subject=${quoted(principal)}`,
    '--reason="say why"',
  ];
  return ["npx picket revoke", ...options].join(" \\\n  ");
}

function quoted(text: string): string {
  return /^[A-Za-z0-9_.:@/+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
