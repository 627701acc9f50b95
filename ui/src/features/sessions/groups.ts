import type { SessionInfo } from "@/api/types";
import { shownStatus, type Shown } from "@/lib/status";

/** What needs somebody comes first; what is over comes last. */
export const ORDER: readonly Shown[] = [
  "needs-you",
  "running",
  "ready",
  "paused",
  "failed",
  "done",
  "expired",
  "archived",
  "deleted",
];
const GROUP_OF: Partial<Record<Shown, Shown>> = { pausing: "running", stopping: "running" };

/** The server's statuses behind each word; three of them are one status of the server, told apart here. */
export const SERVER_STATUS: Readonly<Partial<Record<Shown, string>>> = {
  "needs-you": "active",
  running: "active",
  ready: "active",
  paused: "suspended",
  failed: "failed",
  done: "completed",
  expired: "expired",
  archived: "archived",
  deleted: "deleted",
};

export function shownOf(session: SessionInfo): Shown {
  return shownStatus(session.status, session.run_status, session.pending_approvals);
}

export function groupOf(session: SessionInfo): Shown {
  const shown = shownOf(session);
  return GROUP_OF[shown] ?? shown;
}

/**
 * Sessions by what a person has to know of them; empty groups are left out, the server's order is kept inside.
 * `held` keeps sessions where they were: nothing moves away under a pointer.
 */
export function grouped(
  sessions: readonly SessionInfo[],
  held: ReadonlyMap<string, Shown> = new Map(),
): [Shown, SessionInfo[]][] {
  const groups = new Map<Shown, SessionInfo[]>(ORDER.map((status) => [status, []]));
  for (const session of sessions) groups.get(held.get(session.session_id) ?? groupOf(session))?.push(session);
  return [...groups].filter(([, members]) => members.length > 0);
}

export function places(sessions: readonly SessionInfo[]): Map<string, Shown> {
  return new Map(sessions.map((session) => [session.session_id, groupOf(session)]));
}
