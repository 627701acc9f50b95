import { useEffect, useRef } from "react";
import type { ApprovalInfo } from "@/api/types";
import { NOTIFY } from "@/lib/settings";
import { readStored } from "@/lib/stored";

/** Say on the desktop that somebody is needed, when the person wants that and does not look at the page. */
export function useNotices(approvals: readonly ApprovalInfo[] | undefined): void {
  const known = useRef<Set<string> | null>(null);
  useEffect(() => {
    if (!approvals) return;
    const before = known.current;
    known.current = new Set(approvals.map((approval) => approval.approval_id));
    if (!before || document.visibilityState === "visible" || readStored<boolean>(NOTIFY) !== true) return;
    if (typeof Notification === "undefined" || Notification.permission !== "granted") return;
    for (const approval of approvals) {
      if (before.has(approval.approval_id)) continue;
      const note = new Notification("Perdure needs you", { body: approval.title, tag: approval.approval_id });
      note.onclick = () => {
        window.focus();
        window.location.assign(`/sessions/${approval.session_id}`);
      };
    }
  }, [approvals]);
}
