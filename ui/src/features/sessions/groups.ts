import type { SessionGroup, SessionInfo, SessionPage } from "@/api/types";
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

/** The server's names of the groups. */
export const SERVER_GROUP: Readonly<Record<string, SessionGroup>> = {
  "needs-you": "needs_you",
  running: "running",
  ready: "ready",
  paused: "paused",
  failed: "failed",
  done: "done",
  expired: "expired",
  archived: "archived",
  deleted: "deleted",
};

/** How many there are in a group, over all pages. */
export function totalOf(status: Shown, page: SessionPage): number {
  return page.groups?.[SERVER_GROUP[status] ?? ""] ?? 0;
}

/** How many there are in all, but for the trash. */
export function allOf(page: SessionPage): number {
  return ORDER.filter((status) => status !== "deleted").reduce((sum, status) => sum + totalOf(status, page), 0);
}

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
