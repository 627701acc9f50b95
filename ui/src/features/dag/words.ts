import type { IconName } from "@/components/Icon";
import type { DagNode } from "@/live/session-state";

/** Statuses of steps, hops, gates and runs, as one set of words, shapes and colours. */
export type Look = "done" | "running" | "failed" | "waiting" | "asks" | "out";

const LOOK: Readonly<Record<string, Look>> = {
  completed: "done",
  approved: "done",
  answered: "done",
  running: "running",
  executing: "running",
  failed: "failed",
  rejected: "failed",
  expired: "failed",
  error: "failed",
  skipped: "out",
  cancelled: "out",
};

export const WORDS: Readonly<Record<Look, string>> = {
  done: "Done",
  running: "Running",
  failed: "Failed",
  waiting: "Waiting",
  asks: "Needs you",
  out: "Left out",
};
export const LOOK_ICON: Readonly<Record<Look, IconName>> = {
  done: "check",
  running: "retry",
  failed: "cross",
  waiting: "ring",
  asks: "hand",
  out: "off",
};

export function lookOf(node: Pick<DagNode, "type" | "status">): Look {
  if (node.type === "gate" && node.status === "pending") return "asks";
  return LOOK[node.status] ?? "waiting";
}

export function wordOf(node: Pick<DagNode, "type" | "status">): string {
  const said = {
    skipped: "Skipped",
    cancelled: "Cancelled",
    rejected: "Rejected",
    approved: "Approved",
    answered: "Answered",
    expired: "Expired",
  }[node.status];
  return said ?? WORDS[lookOf(node)];
}
