import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { asProblem } from "@/api/problem";
import { listSessions } from "@/api/sessions";
import type { SessionInfo } from "@/api/types";
import { Ago } from "@/components/Ago";
import { Icon } from "@/components/Icon";
import { Money } from "@/components/Money";
import { ErrorState, Loading } from "@/components/States";
import { StatusChip } from "@/components/StatusChip";
import { NewTask } from "@/features/start/NewTask";
import { shownStatus, type Shown } from "@/lib/status";
import { recallSession } from "../recent";
import { useTitle } from "../title";
import { FirstRun } from "./FirstRun";
import styles from "./pages.module.css";

const TURN: Partial<Record<Shown, string>> = {
  "needs-you": "Review",
  paused: "Resume",
  failed: "See why",
  running: "Watch",
};
const GOES_ON: ReadonlySet<Shown> = new Set<Shown>(["needs-you", "running", "pausing", "paused", "failed", "expired"]);

/** Where somebody comes in: what is going on, what can be gone on with, and something new. */
export default function StartPage() {
  const query = useQuery({
    queryKey: ["sessions", "start"],
    queryFn: ({ signal }) => listSessions({ limit: 60 }, signal),
  });
  useTitle("");
  const page = query.data;
  if (!page) {
    return (
      <>
        <h1 className={styles.hello}>Perdure</h1>
        {query.error ? (
          <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />
        ) : (
          <Loading rows={5} label="Loading" />
        )}
      </>
    );
  }
  if (page.total === 0 && Object.values(page.counts).every((count) => count === 0)) {
    return (
      <>
        <h1 className={styles.hello}>Your first session</h1>
        <FirstRun />
      </>
    );
  }
  const shown = page.sessions.map((session) => ({
    session,
    status: shownStatus(session.status, session.run_status, session.pending_approvals),
  }));
  const last = recallSession() ?? page.current_session_id;
  const needy = shown.find((each) => each.status === "needs-you");
  const current =
    needy ?? shown.find((each) => each.status === "running") ?? shown.find((each) => each.session.session_id === last);
  const others = shown.filter((each) => each !== current && GOES_ON.has(each.status)).slice(0, 6);
  return (
    <div className={styles.start}>
      <h1 className="visually-hidden">Start</h1>
      <div>
        {current && (
          <section aria-labelledby="current-title">
            <h2 id="current-title">{current.status === "needs-you" ? "Needs you" : "Current session"}</h2>
            <Entry {...current} big />
          </section>
        )}
        {others.length > 0 && (
          <section aria-labelledby="continue-title">
            <h2 id="continue-title">Continue</h2>
            <ul className={styles.entries}>
              {others.map((each) => (
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
  return (
    <div className={styles.entry} data-big={big || undefined} data-status={status}>
      <div>
        <Link to="/sessions/$id" params={{ id: session.session_id }}>
          {session.name || "Untitled"}
        </Link>
        <p>
          <StatusChip status={status} /> <span>{session.mode}</span>
          {session.current_step !== null && <span>step {session.current_step}</span>}
          <Money usd={session.cost_usd} unpricedCalls={session.unpriced_calls} />
          <Ago at={session.last_active_at} />
        </p>
      </div>
      {TURN[status] && (
        <Button
          renderRoot={(props) => (
            <Link
              to="/sessions/$id"
              params={{ id: session.session_id }}
              search={status === "paused" ? { resume: true } : {}}
              {...props}
            />
          )}
          variant={big ? "filled" : "default"}
          size={big ? "sm" : "xs"}
          leftSection={<Icon name="right" />}
        >
          {TURN[status]}
        </Button>
      )}
    </div>
  );
}
