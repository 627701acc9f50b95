import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { asProblem, type Problem } from "@/api/problem";
import { cancelRun, resumeSession, retryRun, suspendSession } from "@/api/sessions";
import { Icon, type IconName } from "@/components/Icon";
import { Money } from "@/components/Money";
import { ErrorState } from "@/components/States";
import { StatusChip } from "@/components/StatusChip";
import { useNow } from "@/lib/now";
import type { Shown } from "@/lib/status";
import { duration } from "@/lib/time";
import type { SessionState } from "@/live/session-state";
import styles from "./Session.module.css";

interface Props {
  readonly state: SessionState;
  readonly status: Shown;
  /** The page still hears of the session. */
  readonly heard: boolean;
  readonly onReview: () => void;
  readonly onWrite: () => void;
}

interface Action {
  readonly word: string;
  readonly icon: IconName;
  readonly run: () => Promise<unknown> | void;
}

export function Header({ state, status, heard, onReview, onWrite }: Props) {
  const [busy, setBusy] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const act = async ({ word, run }: Action) => {
    setBusy(word);
    setProblem(null);
    try {
      await run();
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(null);
    }
  };
  const { primary, others } = actionsFor(state, status, onReview, onWrite);
  return (
    <header className={styles.header}>
      <nav aria-label="Breadcrumb" className={styles.crumbs}>
        <Link to="/sessions">Sessions</Link>
      </nav>
      <div className={styles.title}>
        <h1>{state.facts.name || "Untitled"}</h1>
        <div className={styles.actions}>
          {others.map((action) => (
            <Button
              key={action.word}
              variant="default"
              leftSection={<Icon name={action.icon} />}
              loading={busy === action.word}
              onClick={() => void act(action)}
            >
              {action.word}
            </Button>
          ))}
          {primary && (
            <Button
              leftSection={<Icon name={primary.icon} />}
              loading={busy === primary.word}
              onClick={() => void act(primary)}
            >
              {primary.word}
            </Button>
          )}
        </div>
      </div>
      <div className={styles.facts}>
        <span role="status" aria-label="Status">
          <StatusChip status={status} />
        </span>
        <span className={styles.mode}>{state.facts.mode}</span>
        <Progress state={state} ticking={status === "running" && heard} />
        <Money usd={state.cost.usd} unpricedCalls={state.cost.unpricedCalls} calls={state.cost.calls} />
        {state.run?.model && <span className={styles.mode}>{state.run.model}</span>}
      </div>
      {problem && <ErrorState problem={problem} />}
    </header>
  );
}

function Progress({ state, ticking }: { state: SessionState; ticking: boolean }) {
  const now = useNow();
  const { phase, stepNumber } = state.facts;
  const running = state.steps.findLast((step) => step.status === "running");
  const started = state.run?.startedAt;
  return (
    <>
      {phase && (
        <span>
          {phase}
          {stepNumber !== null && `, step ${stepNumber}`}
          {running && ` “${running.name}”`}
        </span>
      )}
      {started && ticking && <span className="num">{duration(now - Date.parse(started))}</span>}
    </>
  );
}

function actionsFor(
  { sessionId, run }: SessionState,
  status: Shown,
  onReview: () => void,
  onWrite: () => void,
): { primary: Action | null; others: Action[] } {
  const pause: Action = { word: "Pause", icon: "pause", run: () => suspendSession(sessionId, "boundary") };
  const resume: Action = { word: "Resume", icon: "play", run: () => resumeSession(sessionId) };
  const stop: Action[] = run ? [{ word: "Stop", icon: "cross", run: () => cancelRun(run.runId) }] : [];
  switch (status) {
    case "needs-you":
      return { primary: { word: "Review", icon: "hand", run: onReview }, others: [pause] };
    case "running":
      return { primary: pause, others: stop };
    case "pausing":
      return { primary: { word: "Pause now", icon: "pause", run: () => suspendSession(sessionId, "now") }, others: [] };
    case "paused":
    case "expired":
      return { primary: resume, others: [] };
    case "failed":
      return { primary: run ? { word: "Retry", icon: "retry", run: () => retryRun(run.runId) } : resume, others: [] };
    case "ready":
    case "done":
      return { primary: { word: "Write", icon: "chat", run: onWrite }, others: [] };
    case "stopping":
    case "archived":
    case "deleted":
      return { primary: null, others: [] };
    default:
      return status satisfies never;
  }
}
