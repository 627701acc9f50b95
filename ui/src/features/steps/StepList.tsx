import { useMemo, useState } from "react";
import { Icon, type IconName } from "@/components/Icon";
import { EmptyState } from "@/components/States";
import { folded } from "@/lib/fold";
import { integer } from "@/lib/format";
import { useNow } from "@/lib/now";
import { duration } from "@/lib/time";
import type { PlannedEntry, StepEntry, StepStatus } from "@/live/session-state";
import { withoutMarks } from "./marks";
import { withPlanned } from "./planned";
import styles from "./StepList.module.css";

const ICON: Readonly<Record<StepStatus, IconName>> = {
  pending: "ring",
  running: "retry",
  completed: "check",
  failed: "cross",
  skipped: "off",
  cancelled: "cross",
};
const WORD: Readonly<Record<StepStatus, string>> = {
  pending: "Waiting",
  running: "Running",
  completed: "Done",
  failed: "Failed",
  skipped: "Skipped",
  cancelled: "Cancelled",
};

function iconOf(status: StepStatus, live: boolean, waits: boolean): IconName {
  if (status !== "running" || live) return ICON[status];
  return waits ? "hand" : "pause";
}

interface Props {
  readonly begun: readonly StepEntry[];
  readonly plan: readonly PlannedEntry[];
  /** A worker is on it. */
  readonly live: boolean;
  /** A question is open, and the step under way waits for its answer. */
  readonly waits: boolean;
  /** We still hear of it; if not, nothing may look as if it moved. */
  readonly heard: boolean;
}

/** What was and is being done, each with its own true status. */
export function StepList({ begun, plan, live, waits, heard }: Props) {
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const steps = useMemo(() => withPlanned(begun, plan), [begun, plan]);
  if (steps.length === 0)
    return <EmptyState>Each step appears here when it begins; what is done stays done.</EmptyState>;
  return (
    <ol className={styles.steps} aria-label="Steps">
      {folded(steps, (step) => step.stepId, opened).map((step) =>
        "count" in step ? (
          <li key={`fold-${step.id}`} className={styles.fold}>
            <button type="button" onClick={() => setOpened(new Set([...opened, step.id]))}>
              {step.kind === "done"
                ? `Show ${integer(step.count)} finished steps`
                : `Show ${integer(step.count)} steps to come`}
            </button>
          </li>
        ) : (
          <li key={step.stepId} className={styles.step} data-status={step.status === "running" && waits ? "waits" : step.status}>
            <span className={styles.icon}>
              <Icon name={iconOf(step.status, live, waits)} spin={step.status === "running" && live && heard} />
            </span>
            <div className={styles.body}>
              <div className={styles.head}>
                <span className={styles.name}>{step.name || step.key}</span>
                <span className={styles.facts}>
                  {step.agent && <span className={styles.agent}>{step.agent}</span>}
                  {step.attempt > 1 && <span>attempt {step.attempt}</span>}
                  <span>{step.status === "running" && !live ? (waits ? "Waits for you" : "Stopped here") : WORD[step.status]}</span>
                  <Took step={step} ticking={live && heard} />
                </span>
              </div>
              {step.error && <p className={styles.error}>{step.error}</p>}
              {!step.error && (step.summary ?? step.goal) && (
                <Text text={step.summary ?? step.goal ?? ""} done={step.summary !== null} />
              )}
            </div>
          </li>
        ),
      )}
    </ol>
  );
}

const LONG_CHARS = 220;

function Text({ text: written, done }: { text: string; done: boolean }) {
  const text = withoutMarks(written);
  const line = text.split("\n", 1)[0] ?? "";
  if (text.length <= LONG_CHARS && line === text) return <p data-done={done || undefined}>{text}</p>;
  return (
    <details>
      <summary>{line.length > LONG_CHARS ? `${line.slice(0, LONG_CHARS)}…` : line}</summary>
      <p>{text}</p>
    </details>
  );
}

function Took({ step, ticking }: { step: StepEntry; ticking: boolean }) {
  const now = useNow();
  if (step.durationMs !== null) return <span className="num">{duration(step.durationMs)}</span>;
  if (step.status !== "running" || !step.startedAt || !ticking) return null;
  return <span className="num">{duration(now - Date.parse(step.startedAt))}</span>;
}
