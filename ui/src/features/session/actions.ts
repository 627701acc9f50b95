/** What can be done with a session in each of its states: the one thing most wanted, and the rest. */

import type { IconName } from "@/components/Icon";
import { may, type Right } from "@/lib/access";
import type { Shown } from "@/lib/status";

export type Deed =
  | "review"
  | "write"
  | "pause"
  | "pause-now"
  | "resume"
  | "retry"
  | "retry-from"
  | "stop"
  | "fork"
  | "again"
  | "rename"
  | "complete"
  | "archive"
  | "restore"
  | "delete";

export const DEEDS: Readonly<Record<Deed, { word: string; icon: IconName; danger?: boolean }>> = {
  review: { word: "Review", icon: "hand" },
  write: { word: "Write", icon: "chat" },
  pause: { word: "Pause", icon: "pause" },
  "pause-now": { word: "Pause now", icon: "pause" },
  resume: { word: "Resume", icon: "play" },
  retry: { word: "Retry", icon: "retry" },
  "retry-from": { word: "Retry from a step…", icon: "retry" },
  stop: { word: "Stop the run", icon: "cross" },
  fork: { word: "Fork…", icon: "fork" },
  again: { word: "Start one like this", icon: "plus" },
  rename: { word: "Rename…", icon: "pen" },
  complete: { word: "Mark as done", icon: "check" },
  archive: { word: "Archive", icon: "box" },
  restore: { word: "Restore", icon: "up" },
  delete: { word: "Delete…", icon: "bin", danger: true },
};

interface Offer {
  readonly primary: Deed | null;
  /** Beside the primary one. */
  readonly second: Deed | null;
  readonly more: readonly Deed[];
}

const ALWAYS: readonly Deed[] = ["fork", "again", "rename"];

export function offered(status: Shown, hasRun: boolean): Offer {
  const run = (deed: Deed): readonly Deed[] => (hasRun ? [deed] : []);
  switch (status) {
    case "needs-you":
      return { primary: "review", second: "pause", more: [...run("stop"), ...ALWAYS, "delete"] };
    case "running":
      return { primary: "pause", second: null, more: ["pause-now", ...run("stop"), ...ALWAYS, "delete"] };
    case "pausing":
      return { primary: "pause-now", second: null, more: [...run("stop"), ...ALWAYS, "delete"] };
    case "stopping":
      return { primary: null, second: null, more: [...ALWAYS, "delete"] };
    case "paused":
      return { primary: "resume", second: null, more: [...run("stop"), ...ALWAYS, "complete", "archive", "delete"] };
    case "expired":
      return { primary: "resume", second: null, more: [...ALWAYS, "archive", "delete"] };
    case "failed":
      return {
        primary: hasRun ? "retry" : "resume",
        second: null,
        more: [...run("retry-from"), ...ALWAYS, "archive", "delete"],
      };
    case "ready":
      return { primary: "write", second: null, more: [...ALWAYS, "complete", "delete"] };
    case "done":
      return { primary: "write", second: null, more: [...ALWAYS, "archive", "delete"] };
    case "archived":
      return { primary: "restore", second: null, more: [...ALWAYS, "delete"] };
    case "deleted":
      return { primary: "restore", second: null, more: [] };
    default:
      return status satisfies never;
  }
}

/** Whoever may read may also take a copy; all else needs a right. */
const NEEDS: Readonly<Partial<Record<Deed, Right>>> = {
  review: "answer",
  write: "send",
  pause: "control",
  "pause-now": "control",
  resume: "control",
  retry: "control",
  "retry-from": "control",
  stop: "control",
  rename: "edit",
  complete: "control",
  archive: "control",
  restore: "delete",
  delete: "delete",
};

/** What is left of an offer for somebody with this role. */
export function allowed(offer: Offer, role: string | null): Offer {
  const has = (deed: Deed) => {
    const right = NEEDS[deed];
    return right === undefined || may(role, right);
  };
  const kept = (deed: Deed | null) => (deed !== null && has(deed) ? deed : null);
  return { primary: kept(offer.primary), second: kept(offer.second), more: offer.more.filter(has) };
}
