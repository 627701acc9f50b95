import { useEffect, useRef, useState } from "react";
import { Ago } from "@/components/Ago";
import { Icon } from "@/components/Icon";
import { integer } from "@/lib/format";
import { useNow } from "@/lib/now";
import { clock } from "@/lib/time";
import { useConnection, useStream } from "@/live/react";
import type { SessionState } from "@/live/session-state";
import { CLOSE, type ConnectionState } from "@/live/connection";
import styles from "./Session.module.css";

/** What is saved, and whether the page still hears of it. */
export function Strip({ state }: { state: SessionState }) {
  const connection = useConnection();
  return (
    <div className={styles.strip} data-connection={connection.kind} role="group" aria-label="Durability">
      <span className={styles.saved}>
        <Icon name="shield" /> Saved
      </span>
      <Events state={state} />
      <span>
        {state.savedAt ? (
          <>
            checkpoint <Ago at={state.savedAt} />
          </>
        ) : (
          "no checkpoint yet"
        )}
      </span>
      <span className={styles.version}>v{state.facts.version}</span>
      <Link connection={connection} lastEventAt={state.lastEventAt} />
      <Back seq={state.seq} behind={behind(state) > 0} />
    </div>
  );
}

/** How many events are on their way that were there when the page began to follow. */
function behind({ seq, replay }: SessionState): number {
  return Math.max(0, (replay?.through ?? 0) - seq);
}

const LONG_REPLAY = 500;

function Events({ state }: { state: SessionState }) {
  const { replay, seq } = state;
  const isLong = replay !== null && replay.through - replay.from > LONG_REPLAY;
  if (!isLong || behind(state) === 0) return <span className="num">event {integer(seq)}</span>;
  return (
    <span className={styles.replay} role="status" aria-label="Catching up">
      <span className="num">
        Catching up {integer(seq)} / {integer(replay.through)}
      </span>
      <progress aria-hidden="true" value={seq - replay.from} max={replay.through - replay.from} />
    </span>
  );
}

const SAID_MS = 8_000;
const SETTLE_MS = 600;

/** After an outage: how much was caught up. */
function Back({ seq, behind }: { seq: number; behind: boolean }) {
  const isLive = useConnection().kind === "live";
  const lostAt = useRef<number | null>(null);
  const latest = useRef(seq);
  latest.current = seq;
  const [caughtUp, setCaughtUp] = useState(0);
  useEffect(() => {
    if (!isLive) {
      lostAt.current ??= latest.current;
      return;
    }
    if (lostAt.current === null || behind) return;
    const settled = setTimeout(() => {
      setCaughtUp(latest.current - (lostAt.current ?? latest.current));
      lostAt.current = null;
    }, SETTLE_MS);
    const over = setTimeout(() => setCaughtUp(0), SAID_MS);
    return () => {
      clearTimeout(settled);
      clearTimeout(over);
    };
  }, [isLive, behind]);
  if (caughtUp <= 0) return null;
  return (
    <span role="status" aria-label="Caught up">
      Back. {integer(caughtUp)} {caughtUp === 1 ? "event" : "events"} caught up.
    </span>
  );
}

const WHY_CLOSED: Readonly<Record<number, string>> = {
  [CLOSE.signIn]: "Signed out",
  [CLOSE.origin]: "The server refuses this address",
  [CLOSE.superseded]: "Opened elsewhere",
};
const SHORT_OUTAGE_MS = 1_500;
const LONG_OUTAGE_MS = 10_000;

function Link({ connection, lastEventAt }: { connection: ConnectionState; lastEventAt: string | null }) {
  const stream = useStream();
  const now = useNow();
  const retry = (
    <button type="button" className={styles.retry} onClick={() => stream.retryNow()}>
      retry now
    </button>
  );
  const shownAt = lastEventAt ? ` Showing what was saved at ${clock(lastEventAt)}.` : "";
  switch (connection.kind) {
    case "live":
      return <Said kind="live">live</Said>;
    case "idle":
    case "connecting":
      return (
        <Said kind="wait">
          {connection.kind === "connecting" && connection.attempt > 1 ? "Reconnecting…" : "connecting"}
        </Said>
      );
    case "waiting": {
      const seconds = Math.max(1, Math.ceil((connection.retryAt - now) / 1000));
      if (!navigator.onLine) return <Said kind="off">Offline.{shownAt}</Said>;
      const long = now - connection.since > LONG_OUTAGE_MS;
      const short = connection.retryAt - connection.since < SHORT_OUTAGE_MS;
      return (
        <>
          <Said kind={long ? "off" : "wait"}>
            {long ? "The server does not answer." : "Reconnecting"}
            {!short && shownAt}
          </Said>
          {/* outside the live region: a countdown is not for reading aloud */}
          <span className="num">in {seconds} s —</span> {retry}
        </>
      );
    }
    case "closed":
      return (
        <>
          <Said kind="off">{WHY_CLOSED[connection.code] ?? "Disconnected"}</Said> {retry}
        </>
      );
    default:
      return connection satisfies never;
  }
}

function Said({ kind, children }: { kind: "live" | "wait" | "off"; children: React.ReactNode }) {
  return (
    <span role="status" aria-label="Connection" className={styles.link} data-kind={kind}>
      {children}
    </span>
  );
}
