import { Button } from "@mantine/core";
import { useEffect, useState } from "react";
import { useMay } from "@/components/Access";
import { Icon } from "@/components/Icon";
import type { ApprovalEntry } from "@/live/session-state";
import { actionsOf, KIND_ICON } from "./kinds";
import styles from "./requests.module.css";
import { useReach, WHY_NOT } from "./useReach";

/** The first open question, kept in reach on a small screen while the buttons of its card are out of sight. */
export function PinnedRequest({ pending }: { pending: readonly ApprovalEntry[] }) {
  const first = useMay("answer") ? pending[0] : undefined;
  const hidden = useInSight(first?.approvalId);
  const unsent = WHY_NOT[useReach()];
  if (!first) return null;
  if (hidden) return <div className={styles.pinnedRoom} />;
  const [yes] = actionsOf(first);
  const no = actionsOf(first).find((action) => action.resolution === "reject" || action.resolution === "abort");
  const card = () => document.querySelector<HTMLElement>(`[data-request="${first.approvalId}"]`);
  const review = () => {
    card()?.scrollIntoView({ block: "start" });
    card()?.focus({ preventScroll: true });
  };
  const press = (resolution: string) => {
    card()?.querySelector<HTMLElement>("[data-answers]")?.scrollIntoView({ block: "center" });
    card()?.querySelector<HTMLButtonElement>(`button[data-answer="${resolution}"]:not(:disabled)`)?.click();
  };
  return (
    <>
      <div className={styles.pinnedRoom} />
      <section className={styles.pinned} aria-label="Needs you">
        <button type="button" className={styles.pinnedTitle} onClick={review}>
          <Icon name={KIND_ICON[first.requestType] ?? "hand"} />
          <span>{first.title || "A question for you"}</span>
          {pending.length > 1 && <span className={styles.note}>and {pending.length - 1} more</span>}
        </button>
        {unsent && <span className={styles.note}>{unsent}</span>}
        <div className={styles.pinnedActions}>
          {no && (
            <Button
              variant="default"
              disabled={unsent !== undefined && !no.words}
              onClick={() => press(no.resolution)}
            >
              {no.label}
              {no.words && "…"}
            </Button>
          )}
          {yes && !yes.answers && !yes.words ? (
            <Button disabled={unsent !== undefined && !yes.proof} onClick={() => press(yes.resolution)}>
              {yes.label}
              {yes.proof && "…"}
            </Button>
          ) : (
            <Button onClick={review}>Answer</Button>
          )}
        </div>
      </section>
    </>
  );
}

/** Whether the buttons of the question's own card are on the screen. */
function useInSight(approvalId: string | undefined): boolean {
  const [inSight, setInSight] = useState(true);
  useEffect(() => {
    const row = document.querySelector(`[data-request="${approvalId}"] [data-answers]`);
    if (!row) return;
    const observer = new IntersectionObserver(([entry]) => setInSight(entry?.isIntersecting ?? true), {
      rootMargin: "-48px 0px -60px 0px", // the bars at the top and at the bottom lie over the page
    });
    observer.observe(row);
    return () => observer.disconnect();
  }, [approvalId]);
  return inSight;
}
