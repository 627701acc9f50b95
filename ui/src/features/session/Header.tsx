import { ActionIcon, Button } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useState, type ReactNode } from "react";
import { asProblem, type Problem } from "@/api/problem";
import { cancelRun, commandSession, retryRun, suspendSession } from "@/api/sessions";
import { useRole } from "@/components/Access";
import { Icon } from "@/components/Icon";
import { InlineName } from "@/components/InlineName";
import { Menu, type MenuItem } from "@/components/Menu";
import { useOneAtATime } from "@/components/OneAtATime";
import { ErrorState } from "@/components/States";
import { StatusChip } from "@/components/StatusChip";
import { may } from "@/lib/access";
import { useKeys } from "@/lib/keys";
import type { Shown } from "@/lib/status";
import type { SessionState } from "@/live/session-state";
import { allowed, DEEDS, offered, type Deed } from "./actions";
import { DeleteDialog, ForkDialog } from "./dialogs";
import { Progress, Spent } from "./Facts";
import { ResumeDialog, RetryDialog } from "./ResumeDialog";
import styles from "./Session.module.css";

interface Props {
  readonly state: SessionState;
  readonly status: Shown;
  /** The page still hears of the session. */
  readonly heard: boolean;
  readonly onReview: () => void;
  readonly onWrite: () => void;
  /** From where a fork is to branch off, asked for somewhere else on the page. */
  readonly fork: ForkPoint | null;
  readonly onFork: (point: ForkPoint | null) => void;
  /** The address asks for the preview of a resume. */
  readonly resumes: boolean;
  /** It has been shown: the address need not ask again. */
  readonly onResumes: () => void;
  /** Beside the buttons, and among what else can be done. */
  readonly beside?: ReactNode;
  readonly more?: readonly MenuItem[];
}

export interface ForkPoint {
  readonly seq?: number;
  readonly step?: string;
  readonly words: string;
}

type Asking = "resume" | "retry-from" | "rename" | "delete" | null;

export function Header({
  state,
  status,
  heard,
  onReview,
  onWrite,
  fork,
  onFork,
  resumes,
  onResumes,
  beside,
  more = [],
}: Props) {
  const [busy, setBusy] = useState<Deed | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [asking, setAsking] = useState<Asking>(
    resumes && (status === "paused" || status === "expired") ? "resume" : null,
  );
  useEffect(() => {
    if (resumes) onResumes();
  }, []);
  const navigate = useNavigate();
  const mayRunBeside = useOneAtATime();
  const { sessionId, run } = state;
  const role = useRole();
  const offer = allowed(offered(status, run !== null), role);

  const direct: Partial<Record<Deed, () => Promise<unknown>>> = {
    pause: () => suspendSession(sessionId, "boundary"),
    "pause-now": () => suspendSession(sessionId, "now"),
    retry: async () => (run && (await mayRunBeside(sessionId)) ? retryRun(run.runId) : undefined),
    stop: () => (run ? cancelRun(run.runId) : Promise.resolve()),
    complete: () => commandSession(sessionId, "complete"),
    archive: () => commandSession(sessionId, "archive"),
    restore: () => commandSession(sessionId, "restore"),
  };
  const perform = async (deed: Deed) => {
    setProblem(null);
    switch (deed) {
      case "review":
        return onReview();
      case "write":
        return onWrite();
      case "fork":
        return onFork({ words: "as it is now" });
      case "again":
        return void navigate({ to: "/new", search: { from: sessionId } });
      case "resume":
      case "retry-from":
      case "rename":
      case "delete":
        return setAsking(deed);
      default: {
        setBusy(deed);
        try {
          await direct[deed]?.();
        } catch (error) {
          setProblem(asProblem(error));
        } finally {
          setBusy(null);
        }
      }
    }
  };
  useKeys({
    p: () => {
      if (!may(role, "control")) return;
      if (status === "running" || status === "needs-you") void perform("pause");
      else if (offer.primary === "resume") void perform("resume");
    },
  });

  const button = (deed: Deed, filled: boolean) => (
    <Button
      key={deed}
      {...(filled ? {} : { variant: "default" })}
      leftSection={<Icon name={DEEDS[deed].icon} />}
      loading={busy === deed}
      onClick={() => void perform(deed)}
    >
      {deed === "retry" ? retryWord(state) : DEEDS[deed].word}
    </Button>
  );
  return (
    <header className={styles.header}>
      <nav aria-label="Breadcrumb" className={styles.crumbs}>
        <Link to="/sessions">Sessions</Link>
        {state.facts.forkedFrom && (
          <>
            {" · forked from "}
            <Link to="/sessions/$id" params={{ id: state.facts.forkedFrom }}>
              another session
            </Link>
          </>
        )}
      </nav>
      <div className={styles.title}>
        <div className={styles.name}>
          <h1 className={asking === "rename" ? "visually-hidden" : undefined}>{state.facts.name || "Untitled"}</h1>
          {asking === "rename" && (
            <InlineName
              sessionId={sessionId}
              name={state.facts.name}
              version={state.facts.version}
              onDone={() => setAsking(null)}
            />
          )}
          {asking !== "rename" && offer.more.includes("rename") && (
            <ActionIcon
              variant="subtle"
              color="gray"
              size={28}
              aria-label="Change the name"
              title="Change the name"
              onClick={() => void perform("rename")}
            >
              <Icon name="pen" size={14} />
            </ActionIcon>
          )}
        </div>
        <div className={styles.actions}>
          {beside}
          {offer.more.includes("fork") && <span className={styles.beside}>{button("fork", false)}</span>}
          {offer.second && button(offer.second, false)}
          {offer.primary && button(offer.primary, true)}
          <Menu
            label="More to do"
            items={[
              ...more,
              ...offer.more.map((deed) => ({
                label: DEEDS[deed].word,
                icon: DEEDS[deed].icon,
                danger: DEEDS[deed].danger ?? false,
                onPress: () => void perform(deed),
              })),
            ]}
          />
        </div>
      </div>
      <div className={styles.facts}>
        <span role="status" aria-label="Status">
          <StatusChip status={status} />
        </span>
        <span className={styles.mode}>{state.facts.mode}</span>
        <Progress state={state} status={status} heard={heard} />
        <Spent state={state} status={status} />
        {state.run?.model && <span className={styles.mode}>{state.run.model}</span>}
      </div>
      {problem && <ErrorState problem={problem} />}
      {asking === "resume" && (
        <ResumeDialog state={state} onClose={() => setAsking(null)} onFork={() => perform("fork")} />
      )}
      {asking === "retry-from" && <RetryDialog state={state} onClose={() => setAsking(null)} />}
      {asking === "delete" && <DeleteDialog state={state} onClose={() => setAsking(null)} />}
      {fork && <ForkDialog state={state} point={fork} onClose={() => onFork(null)} />}
    </header>
  );
}

/** Where a retry goes on, where the plan numbers it. */
function retryWord({ run, steps }: SessionState): string {
  const failed = steps.findLast((step) => step.runId === run?.runId && step.status === "failed");
  return failed?.number ? `Retry from step ${failed.number}` : DEEDS.retry.word;
}
