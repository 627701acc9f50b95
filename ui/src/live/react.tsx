import { createContext, useContext, useEffect, useMemo, useSyncExternalStore, type ReactNode } from "react";
import type { ListHint } from "./frames";
import { SessionStore, type SessionView } from "./session-store";
import type { ConnectionState } from "./connection";
import type { LiveStream } from "./stream";

const StreamContext = createContext<LiveStream | null>(null);

/** Runs the tab's one socket while it is mounted. */
export function LiveProvider({ stream, children }: { stream: LiveStream; children: ReactNode }) {
  useEffect(() => {
    stream.start();
    const wake = () => {
      if (document.visibilityState !== "hidden") stream.retryNow();
    };
    const check = () => stream.checkNow();
    window.addEventListener("online", wake);
    window.addEventListener("offline", check);
    document.addEventListener("visibilitychange", wake);
    return () => {
      window.removeEventListener("online", wake);
      window.removeEventListener("offline", check);
      document.removeEventListener("visibilitychange", wake);
      stream.stop();
    };
  }, [stream]);
  return <StreamContext.Provider value={stream}>{children}</StreamContext.Provider>;
}

export function useStream(): LiveStream {
  const stream = useContext(StreamContext);
  if (!stream) throw new Error("useStream needs a LiveProvider above it");
  return stream;
}

export function useConnection(): ConnectionState {
  const stream = useStream();
  return useSyncExternalStore(stream.subscribeState, stream.getState);
}

export function useSession(sessionId: string): { view: SessionView; store: SessionStore } {
  const stream = useStream();
  const store = useMemo(() => new SessionStore(sessionId, stream), [sessionId, stream]);
  const view = useSyncExternalStore(store.subscribe, store.getView);
  return { view, store };
}

/** Call back on each change of the session list. */
export function useListHints(onHint: (hint: ListHint) => void): void {
  const stream = useStream();
  useEffect(() => stream.onList(onHint), [stream, onHint]);
}
