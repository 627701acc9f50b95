import type { SessionInfo } from "@/api/types";
import { shownStatus, type Shown } from "@/lib/status";

/** What needs somebody comes first; what is over comes last. */
const ORDER: readonly Shown[] = ["needs-you", "running", "ready", "paused", "failed", "done", "expired", "archived"];
const GROUP_OF: Partial<Record<Shown, Shown>> = { pausing: "running", stopping: "running" };

export function shownOf(session: SessionInfo): Shown {
  return shownStatus(session.status, session.run_status, session.pending_approvals);
}

/** Sessions by what a person has to know of them; empty groups are left out, the server's order is kept inside. */
export function grouped(sessions: readonly SessionInfo[]): [Shown, SessionInfo[]][] {
  const groups = new Map<Shown, SessionInfo[]>(ORDER.map((status) => [status, []]));
  for (const session of sessions) {
    const shown = shownOf(session);
    groups.get(GROUP_OF[shown] ?? shown)?.push(session);
  }
  return [...groups].filter(([, members]) => members.length > 0);
}
