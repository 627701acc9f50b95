/** How to start a session like this one from a shell. */

import { withoutOwnSecrets } from "@/lib/secrets";
import type { SessionState } from "@/live/session-state";

/** Quoted for a POSIX shell. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export function asCli(state: SessionState): string {
  const settings = Object.entries(withoutOwnSecrets(state.facts.config)).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return `--set ${quoted(`${name}=${text}`)}`;
  });
  return [
    "perdure run",
    `--mode ${quoted(state.facts.mode)}`,
    ...settings,
    quoted(state.run?.task ?? "What should be done"),
  ].join(" \\\n  ");
}

export function asCurl(state: SessionState, origin: string): string {
  const body = JSON.stringify({
    mode: state.facts.mode,
    task: state.run?.task ?? "What should be done",
    config: withoutOwnSecrets(state.facts.config),
  });
  return `curl -X POST ${quoted(`${origin}/api/tasks/submit`)} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(body)}`;
}
