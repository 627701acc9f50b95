import { Button } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { asProblem, type Problem } from "@/api/problem";
import { commandSession, retryRun, suspendSession } from "@/api/sessions";
import type { SessionInfo } from "@/api/types";
import { Ago } from "@/components/Ago";
import { Icon } from "@/components/Icon";
import { InlineName } from "@/components/InlineName";
import { Money } from "@/components/Money";
import { useOneAtATime } from "@/components/OneAtATime";
import { may, ROLE_WORD, type Right } from "@/lib/access";
import { StatusChip } from "@/components/StatusChip";
import { Steps } from "@/components/Steps";
import { useNow } from "@/lib/now";
import { reasonOf, type Shown } from "@/lib/status";
import { left } from "@/lib/time";
import { RowMenu } from "./RowMenu";
import styles from "./SessionList.module.css";

const YOU: Readonly<Record<string, string>> = { ...ROLE_WORD, "server-admin": "administer this server" };

/** Where nothing moves until somebody does something: there the reason matters. */
const STANDING: ReadonlySet<Shown> = new Set<Shown>(["paused", "failed", "expired"]);

interface Props {
  readonly session: SessionInfo;
  readonly status: Shown;
  readonly search: string;
  readonly selected: boolean;
  readonly onSelect: (selected: boolean) => void;
}

export function SessionRow({ session, status, search, selected, onSelect }: Props) {
  const [problem, setProblem] = useState<Problem | null>(null);
  const [renames, setRenames] = useState(false);
  const row = useRef<HTMLLIElement>(null);
  const name = session.name || "Untitled";
  const renamed = () => {
    setRenames(false);
    requestAnimationFrame(() => row.current?.querySelector<HTMLElement>("a")?.focus());
  };
  return (
    <li
      ref={row}
      className={styles.row}
      data-status={status}
      data-selected={selected || undefined}
      data-row={session.session_id}
    >
      <input
        type="checkbox"
        className={styles.pick}
        aria-label={`Select ${session.name}`}
        checked={selected}
        onChange={(event) => onSelect(event.currentTarget.checked)}
      />
      <StatusChip status={status} />
      {renames ? (
        <div className={styles.renamed}>
          <InlineName
            sessionId={session.session_id}
            name={session.name}
            version={session.version}
            onDone={renamed}
          />
        </div>
      ) : (
        <Link to="/sessions/$id" params={{ id: session.session_id }} className={styles.name ?? ""}>
          <Marked text={name} search={search} />
        </Link>
      )}
      <span className={styles.facts}>
        <span className={styles.mode}>{session.mode}</span>
        <span>
          <Steps
            status={status}
            at={session.current_step}
            steps={session.plan_steps}
            done={session.plan_steps_done}
          />
        </span>
        <span className={styles.end}>
          {(session.cost_usd !== 0 || session.unpriced_calls > 0) && (
            <Money usd={session.cost_usd} unpricedCalls={session.unpriced_calls} />
          )}
        </span>
        {status === "running" ? (
          <span className={styles.now}>live</span>
        ) : (
          <span className={styles.end}>
            <Ago at={session.last_active_at} />
          </span>
        )}
      </span>
      <Deed session={session} status={status} onProblem={setProblem} />
      <span className={styles.more}>
        <RowMenu session={session} status={status} onProblem={setProblem} onRename={() => setRenames(true)} />
      </span>
      {session.role !== "owner" && session.owner_name && (
        <p className={styles.whose}>
          <Icon name="users" size={13} /> {session.owner_name}’s · you {YOU[session.role]}
        </p>
      )}
      {session.question && <Question session={session} />}
      {!session.question && session.status_reason && STANDING.has(status) && (
        <p className={styles.reason}>{reasonOf(session.status_reason)}</p>
      )}
      {session.queue_length > 0 && <p className={styles.reason}>{session.queue_length} waiting to start</p>}
      {problem && (
        <p className={styles.refused} role="alert">
          {problem.message}
        </p>
      )}
    </li>
  );
}

/** What is asked, and how long there is to answer. */
function Question({ session }: { session: SessionInfo }) {
  const now = useNow();
  const more = session.pending_approvals - 1;
  return (
    <p className={styles.reason}>
      {session.question}
      {more > 0 && ` and ${more} more`}
      {session.answer_by && (
        <>
          {" · "}
          {Date.parse(session.answer_by) > now ? "answer within " : "its time has "}
          <time dateTime={session.answer_by} title={new Date(session.answer_by).toLocaleString()}>
            {left(session.answer_by, now)}
          </time>
        </>
      )}
    </p>
  );
}

const RIGHT: Partial<Record<Shown, Right>> = { "needs-you": "answer", deleted: "delete" };

/** The one thing most wanted in this state, without opening the session. */
function Deed({
  session,
  status,
  onProblem,
}: {
  session: SessionInfo;
  status: Shown;
  onProblem: (problem: Problem | null) => void;
}) {
  const [busy, setBusy] = useState(false);
  const navigate = useNavigate();
  const mayRunBeside = useOneAtATime();
  const id = session.session_id;
  const open = () => navigate({ to: "/sessions/$id", params: { id } });
  const preview = () => navigate({ to: "/sessions/$id", params: { id }, search: { resume: true } });
  const deeds: Partial<Record<Shown, [string, () => Promise<unknown>]>> = {
    "needs-you": ["Review", open],
    running: ["Pause", () => suspendSession(id, "boundary")],
    paused: ["Resume", preview],
    expired: ["Resume", preview],
    failed: [
      "Retry",
      async () => (session.current_run_id && (await mayRunBeside(id)) ? retryRun(session.current_run_id) : open()),
    ],
    archived: ["Restore", () => commandSession(id, "restore")],
    deleted: ["Restore", () => commandSession(id, "restore")],
  };
  const deed = may(session.role, RIGHT[status] ?? "control") ? deeds[status] : undefined;
  if (!deed) return <span className={styles.deed} />;
  const run = async () => {
    setBusy(true);
    onProblem(null);
    try {
      await deed[1]();
    } catch (error) {
      onProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <span className={styles.deed}>
      <Button
        size="compact-sm"
        variant="default"
        loading={busy}
        onClick={() => void run()}
        aria-label={`${deed[0]}: ${session.name}`}
      >
        {deed[0]}
      </Button>
    </span>
  );
}

function Marked({ text, search }: { text: string; search: string }) {
  const start = search ? text.toLowerCase().indexOf(search.toLowerCase()) : -1;
  if (start < 0) return text;
  const end = start + search.length;
  return (
    <>
      {text.slice(0, start)}
      <mark>{text.slice(start, end)}</mark>
      {text.slice(end)}
    </>
  );
}
