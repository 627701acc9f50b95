import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useRef, useSyncExternalStore, type ReactNode } from "react";
import { getMe } from "@/api/auth";
import { keeper } from "@/api/keeper";
import { MeProvider } from "@/components/Access";
import { Loading } from "@/components/States";
import type { LiveStream } from "@/live/stream";

const SignInScreen = lazy(() => import("@/features/sign-in/SignInScreen"));
const SignInAgain = lazy(() => import("@/features/sign-in/SignInAgain"));

const ASK_AGAIN_MS = 5_000;
const LOOK_MS = 20_000;

/** Lets people in. Whoever is in stays on their page when the sign-in ends, and signs in again over it. */
export function Gate({ stream, children }: { stream: LiveStream; children: ReactNode }) {
  const queries = useQueryClient();
  const signedIn = useSyncExternalStore(keeper.subscribe, keeper.getState);
  const { data: me, isFetched } = useQuery({
    queryKey: ["me"],
    queryFn: getMe,
    staleTime: Infinity,
    retry: false, // the page then says itself that the server is away
    refetchInterval: (query) => (query.state.error && signedIn.kind !== "out" ? ASK_AGAIN_MS : false),
  });
  const before = useRef(signedIn.kind);
  useEffect(() => {
    const was = before.current;
    before.current = signedIn.kind;
    if (was !== "out" || signedIn.kind !== "in") return;
    if (me && me.user_id !== signedIn.userId) return window.location.reload(); // nothing on this page is theirs
    void queries.invalidateQueries();
    stream.retryNow();
  }, [signedIn, me, queries, stream]);
  useEffect(() => {
    if (signedIn.kind !== "in") return;
    const look = () => {
      if (document.visibilityState !== "hidden") void keeper.keepFresh().catch(() => undefined);
    };
    const timer = setInterval(look, LOOK_MS);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [signedIn.kind]);

  if (signedIn.kind === "out" && (!me || signedIn.left))
    return (
      <Suspense fallback={null}>
        <SignInScreen why={signedIn.why} />
      </Suspense>
    );
  if (!isFetched || (signedIn.kind === "in" && !me)) return <Loading rows={8} label="Loading" />;
  return (
    <MeProvider me={me ?? null}>
      {children}
      {signedIn.kind === "out" && (
        <Suspense fallback={null}>
          <SignInAgain email={me?.email ?? null} why={signedIn.why} />
        </Suspense>
      )}
    </MeProvider>
  );
}
