/** What a person is told about a session: one word for what the server keeps as two statuses and a count. */

export type Shown =
  | "needs-you"
  | "running"
  | "pausing"
  | "stopping"
  | "ready"
  | "paused"
  | "done"
  | "failed"
  | "expired"
  | "archived"
  | "deleted";

const BY_STATUS: Readonly<Record<string, Shown>> = {
  suspended: "paused",
  completed: "done",
  failed: "failed",
  expired: "expired",
  archived: "archived",
  deleted: "deleted",
};

const LIVE = new Set(["queued", "running"]);

export function shownStatus(session: string, run: string | null | undefined, openQuestions: number): Shown {
  // a session is suspended at once; its run says `pausing` in lists, and nothing in the log until it has stopped
  if (session === "suspended" && (run === "pausing" || run === "running")) return "pausing";
  if (session === "active" && run === "pausing") return "pausing";
  const fixed = BY_STATUS[session];
  if (fixed) return fixed;
  if (openQuestions > 0 || run === "waiting") return "needs-you";
  if (run === "cancelling") return "stopping";
  if (run === "paused") return "paused";
  return run && LIVE.has(run) ? "running" : "ready";
}

export const WORD: Readonly<Record<Shown, string>> = {
  "needs-you": "Needs you",
  running: "Running",
  pausing: "Pausing",
  stopping: "Stopping",
  ready: "Ready",
  paused: "Paused",
  done: "Done",
  failed: "Failed",
  expired: "Expired",
  archived: "Archived",
  deleted: "Deleted",
};

/** Nothing of it is under way: where it was last says nothing any more. */
export const WORKED: ReadonlySet<Shown> = new Set<Shown>(["ready", "done", "archived", "deleted"]);

/** Why a session stands still, in the words of the person on this page: a server of one user calls them `local`. */
export function reasonOf(reason: string): string {
  return reason.replace(/^paused by local$/, "paused by you");
}
