/** Which session this browser showed last: the second place to look when somebody comes back. */

import { readStored, writeStored } from "@/lib/stored";

export function rememberSession(sessionId: string): void {
  writeStored("last-session", sessionId);
}

export function recallSession(): string | null {
  return readStored<string>("last-session");
}
