import { getRouteApi, Link } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useSyncExternalStore } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { activity } from "@/api/activity";
import { keeper } from "@/api/keeper";
import { loadSession } from "@/api/sessions";
import { useIsShared } from "@/components/Access";
import { EmptyState, ErrorState, Loading } from "@/components/States";
import { useListHints, useSession } from "@/live/react";
import { rememberSession } from "../recent";
import styles from "./pages.module.css";
import { SessionView } from "./SessionView";

const route = getRouteApi("/sessions/$id");

/** A session that somebody looks at does not expire. */
function useActivity(sessionId: string | null): void {
  useEffect(() => (sessionId === null ? undefined : activity.look(sessionId)), [sessionId]);
}

export default function SessionPage() {
  const { id } = route.useParams();
  const navigate = route.useNavigate();
  const { view, store } = useSession(id);
  const queries = useQueryClient();
  const isThere = view.kind === "ready";
  const open = useRef<string | null>(null);
  if (isThere) open.current = id;
  useEffect(() => {
    if (!isThere) return;
    rememberSession(id);
    // which session is the current one is a convenience: not being able to say so changes nothing here
    void loadSession(id).then(
      () => queries.invalidateQueries({ queryKey: ["sessions"] }),
      () => undefined,
    );
  }, [id, isThere, queries]);
  useActivity(isThere ? id : null);
  const several = useIsShared();
  const signedOut = view.kind === "failed" && view.problem.status === 401;
  const signedIn = useSyncExternalStore(keeper.subscribe, keeper.getState).kind;
  useEffect(() => {
    if (signedOut && signedIn === "in") store.reload();
  }, [signedOut, signedIn, store]);
  switch (view.kind) {
    case "loading":
      return (
        <>
          <h1 className="visually-hidden">Session</h1>
          <Loading rows={8} label="Loading the session" onCancel={() => void navigate({ to: "/sessions" })} />
        </>
      );
    case "failed":
      return (
        <>
          <h1 className={styles.alone}>Session</h1>
          <ErrorState problem={view.problem} onRetry={store.reload} />
        </>
      );
    case "gone":
      return <Gone id={id} wasOpen={open.current === id} several={several} onBack={store.reload} />;
    case "ready":
      return <SessionView key={id} state={view.state} store={store} />;
    default:
      return view satisfies never;
  }
}

/** Never there, or taken away from whoever was looking at it. */
function Gone(props: { id: string; wasOpen: boolean; several: boolean; onBack: () => void }) {
  const { id, wasOpen, several, onBack } = props;
  useListHints(
    useCallback(
      (hint) => {
        if (hint.session_id === id && hint.type !== "session:deleted") onBack(); // shared again, or restored
      },
      [id, onBack],
    ),
  );
  const lost = wasOpen && several;
  return (
    <>
      <h1 className={styles.alone}>{lost ? "You no longer have access" : "Session"}</h1>
      <EmptyState action={<Link to="/sessions">All sessions</Link>}>
        {lost
          ? "This session was deleted, or it is not shared with you any more. Its owner can tell, and can share it again: then it opens here."
          : `There is no session at this address${
              several ? ", or it is not shared with you any more. Its owner can tell." : ". It may have been deleted."
            }`}
      </EmptyState>
    </>
  );
}
