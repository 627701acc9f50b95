import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { asProblem } from "@/api/problem";
import { listSessions } from "@/api/sessions";
import type { SessionGroup, SessionInfo } from "@/api/types";
import { Ago } from "@/components/Ago";
import { Icon } from "@/components/Icon";
import { Money } from "@/components/Money";
import { ErrorState } from "@/components/States";
import { StatusChip } from "@/components/StatusChip";
import { Steps } from "@/components/Steps";
import { Waiting } from "@/components/Waiting";
import { NewTask } from "@/features/start/NewTask";
import { reasonOf, shownStatus, type Shown } from "@/lib/status";
import { recallSession } from "../recent";
import { useTitle } from "../title";
import { FirstRun } from "./FirstRun";
import styles from "./pages.module.css";

const TURN: Partial<Record<Shown, string>> = {
  "needs-you": "Review",
  paused: "Resume",
  expired: "Resume",
  failed: "See why",
  running: "Watch",
};
const RESUMED: ReadonlySet<Shown> = new Set<Shown>(["paused", "expired"]);
/** Nothing moves until somebody does something: there the reason matters. */
const STANDING: ReadonlySet<Shown> = new Set<Shown>(["paused", "failed", "expired"]);
const KEY = ["sessions", "start"];
const RECENT = 60;
const MOST = 6;
const URGENT: readonly SessionGroup[] = ["needs_you", "running"];
/** What is gone on with, what needs somebody first. */
const GOES_ON: readonly Shown[] = ["needs-you", "running", "pausing", "stopping", "paused", "failed", "expired"];

/** Where somebody comes in: what is going on, what can be gone on with, and something new. */
export default function StartPage() {
  const query = useQuery({
    queryKey: KEY,
    queryFn: async ({ signal }) => {
      const [recent, urgent] = await Promise.all([
        listSessions({ limit: RECENT, groups: true }, signal),
        listSessions({ limit: MOST, group: URGENT }, signal),
      ]);
      return { recent, urgent };
    },
  });
  useTitle("");
  if (!query.data) {
    return (
      <>
        <h1 className={styles.hello}>Perdure</h1>
        {query.error ? (
          <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />
        ) : (
          <Waiting query={query} queryKey={KEY} rows={5} label="Loading" />
        )}
      </>
    );
  }
  const { recent, urgent } = query.data;
  if (recent.total === 0 && Object.values(recent.counts).every((count) => count === 0)) {
    return (
      <>
        <h1 className={styles.hello}>Your first session</h1>
        <FirstRun />
      </>
    );
  }
  const known = new Set(urgent.sessions.map((session) => session.session_id));
  const shown = [...urgent.sessions, ...recent.sessions.filter((session) => !known.has(session.session_id))].map(
    (session) => ({
      session,
      status: shownStatus(session.status, session.run_status, session.pending_approvals),
    }),
  );
  const last = recallSession() ?? recent.current_session_id;
  const byUrgency = GOES_ON.flatMap((status) => shown.filter((each) => each.status === status));
  const [first] = byUrgency;
  const current =
    first && (first.status === "needs-you" || first.status === "running")
      ? first
      : shown.find((each) => each.session.session_id === last);
  const others = byUrgency.filter((each) => each !== current);
  const waiting = recent.groups?.["needs_you"] ?? 0;
  return (
    <div className={styles.start}>
      <h1 className="visually-hidden">Start</h1>
      <div>
        {current && (
          <section aria-labelledby="current-title">
            <h2 id="current-title">{current.status === "needs-you" ? "Needs you" : "Current session"}</h2>
            <Entry {...current} big />
            {waiting > 1 && (
              <p className={styles.others}>
                <Link to="/inbox">All questions of {waiting} sessions</Link>
              </p>
            )}
          </section>
        )}
        {others.length > 0 && (
          <section aria-labelledby="continue-title">
            <h2 id="continue-title">Continue</h2>
            <ul className={styles.entries}>
              {others.slice(0, MOST).map((each) => (
                <li key={each.session.session_id}>
                  <Entry {...each} />
                </li>
              ))}
            </ul>
          </section>
        )}
        <p>
          <Link to="/sessions">All sessions</Link>
        </p>
      </div>
      <section aria-labelledby="new-title">
        <h2 id="new-title">New</h2>
        <NewTask brief />
      </section>
    </div>
  );
}

function Entry({ session, status, big = false }: { session: SessionInfo; status: Shown; big?: boolean }) {
  const about = session.question ?? (STANDING.has(status) ? session.status_reason && reasonOf(session.status_reason) : status === "running" ? session.current_phase : null);
  const many = status === "needs-you" && session.pending_approvals > 1;
  return (
    <div className={styles.entry} data-big={big || undefined} data-status={status}>
      <div>
        <Link to="/sessions/$id" params={{ id: session.session_id }}>
          {session.name || "Untitled"}
        </Link>
        <p className={styles.what}>
          <StatusChip status={status} />
          {about && <span>{about}</span>}
        </p>
        <p>
          <span>{session.mode}</span>
          <Steps
            status={status}
            at={session.current_step}
            steps={session.plan_steps}
            done={session.plan_steps_done}
          />
          {(session.cost_usd !== 0 || session.unpriced_calls > 0) && (
            <Money usd={session.cost_usd} unpricedCalls={session.unpriced_calls} />
          )}
          <Ago at={session.last_active_at} />
        </p>
      </div>
      {TURN[status] && (
        <Button
          renderRoot={(props) => (
            <Link
              to="/sessions/$id"
              params={{ id: session.session_id }}
              search={RESUMED.has(status) ? { resume: true } : {}}
              {...props}
            />
          )}
          variant={big ? "filled" : "default"}
          size={big ? "sm" : "xs"}
          leftSection={<Icon name="right" />}
        >
          {TURN[status]}
          {many && ` ${session.pending_approvals}`}
        </Button>
      )}
    </div>
  );
}
