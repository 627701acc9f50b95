import { Link } from "@tanstack/react-router";
import type { SessionInfo } from "@/api/types";
import { Ago } from "@/components/Ago";
import { Money } from "@/components/Money";
import { StatusChip } from "@/components/StatusChip";
import type { Shown } from "@/lib/status";
import styles from "./SessionList.module.css";

/** Where nothing moves until somebody does something: there the reason matters. */
const STANDING: ReadonlySet<Shown> = new Set<Shown>(["paused", "failed", "expired"]);

interface Props {
  readonly session: SessionInfo;
  readonly status: Shown;
  readonly search: string;
}

export function SessionRow({ session, status, search }: Props) {
  const waiting = session.pending_approvals;
  return (
    <li className={styles.row} data-status={status}>
      <StatusChip status={status} />
      <Link to="/sessions/$id" params={{ id: session.session_id }} className={styles.name ?? ""}>
        <Marked text={session.name} search={search} />
      </Link>
      <span className={styles.facts}>
        <span className={styles.mode}>{session.mode}</span>
        <span>{session.current_step ? `step ${session.current_step}` : ""}</span>
        <span>{waiting === 0 ? "" : waiting === 1 ? "1 question" : `${waiting} questions`}</span>
        <span className={styles.end}>
          {session.message_count > 0 && (
            <Money usd={session.cost_usd} unpricedCalls={session.unpriced_calls} />
          )}
        </span>
        <Ago at={session.last_active_at} />
      </span>
      {session.status_reason && STANDING.has(status) && <p className={styles.reason}>{session.status_reason}</p>}
    </li>
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
