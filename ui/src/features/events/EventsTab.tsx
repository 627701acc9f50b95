import { Button } from "@mantine/core";
import { useDeferredValue, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { Icon } from "@/components/Icon";
import { Segmented } from "@/components/Segmented";
import { EmptyState, ErrorState, Loading } from "@/components/States";
import { integer } from "@/lib/format";
import { useSeek } from "@/lib/seek";
import { EventLog } from "@/live/event-log";
import type { SessionStore } from "@/live/session-store";
import { describe } from "./describe";
import { EventDetail } from "./EventDetail";
import styles from "./Events.module.css";
import { EventTable } from "./EventTable";
import { TimelineView } from "./TimelineView";
import fields from "@/components/form/form.module.css";

interface Props {
  readonly store: SessionStore;
  readonly seq: number;
  readonly at: number | undefined;
  readonly onAt: (seq: number | undefined) => void;
  readonly onFork: (seq: number) => void;
}

type View = "table" | "timeline" | "json";

export default function EventsTab({ store, seq, at, onAt, onFork }: Props) {
  const [log] = useState(() => new EventLog(store.sessionId, seq));
  const { events, hasOlder, loading, problem } = useSyncExternalStore(log.subscribe, log.getView);
  const [view, setView] = useState<View>("table");
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [search, setSearch] = useState("");
  const wanted = useDeferredValue(search.trim().toLowerCase());

  useEffect(() => {
    const stop = store.onEvents((fresh) => log.add(fresh));
    void (at === undefined ? log.loadOlder() : log.reach(at - 50));
    return stop;
  }, [log, store]);
  useEffect(() => {
    if (at !== undefined) void log.reach(at);
  }, [at, log]);

  const counts = useMemo(() => {
    const found = new Map<string, number>();
    for (const event of events) found.set(event.type, (found.get(event.type) ?? 0) + 1);
    return [...found].sort((a, b) => b[1] - a[1]);
  }, [events]);
  const shown = useMemo(
    () =>
      events.filter(
        (event) =>
          !hidden.has(event.type) && (!wanted || `${event.type} ${describe(event)}`.toLowerCase().includes(wanted)),
      ),
    [events, hidden, wanted],
  );
  const { seeking, seek, stop } = useSeek({
    found: shown.length,
    hasOlder,
    fetching: loading,
    failed: problem !== null,
    fetchOlder: () => void log.loadOlder(),
    wanted,
  });
  if (events.length === 0) {
    if (problem) return <ErrorState problem={problem} onRetry={() => void log.loadOlder()} />;
    return hasOlder ? (
      <Loading rows={8} label="Loading events" />
    ) : (
      <EmptyState>Everything that happens is written here, in order.</EmptyState>
    );
  }
  const first = events[0]?.seq ?? 1;
  const searches = wanted !== "" && view !== "timeline";
  const selected = at === undefined ? undefined : events.find((event) => event.seq === at);
  return (
    <div className={styles.tab}>
      <div className={styles.bar}>
        <Segmented
          label="View of the log"
          value={view}
          options={[
            ["table", "Table"],
            ["timeline", "Timeline"],
            ["json", "JSON"],
          ]}
          onChange={setView}
        />
        {view !== "timeline" && (
          <input
            type="search"
            className={`${fields.control} ${styles.search}`}
            aria-label="Search events"
            placeholder="Search events"
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
          />
        )}
        <span className={styles.count} role="status">
          {view === "timeline"
            ? `${integer(events.length)} ${events.length === 1 ? "event" : "events"}`
            : `${integer(shown.length)} of ${integer(events.length)}`}
          {hasOlder &&
            (searches
              ? `; those before event ${integer(first)} are not searched yet`
              : `, before event ${integer(first)} on the server`)}
        </span>
        {hasOlder && searches && (
          <Button size="compact-xs" variant="default" onClick={seeking ? stop : seek}>
            {seeking ? "Stop" : "Search older"}
          </Button>
        )}
        {hasOlder && !searches && (
          <Button size="compact-xs" variant="default" loading={loading} onClick={() => void log.loadOlder()}>
            Load older
          </Button>
        )}
      </div>
      {view !== "timeline" && (
        <div className={styles.types} role="group" aria-label="Types of events">
          {counts.map(([type, count]) => (
            <button
              key={type}
              type="button"
              aria-pressed={!hidden.has(type)}
              onClick={() => {
                const next = new Set(hidden);
                if (!next.delete(type)) next.add(type);
                setHidden(next);
              }}
            >
              {type} <span>{integer(count)}</span>
            </button>
          ))}
          {hidden.size > 0 && (
            <button type="button" onClick={() => setHidden(new Set())}>
              <Icon name="cross" size={12} /> show all
            </button>
          )}
        </div>
      )}
      {problem && <ErrorState problem={problem} onRetry={() => void log.loadOlder()} />}
      <div className={styles.body}>
        {view === "timeline" ? (
          <TimelineView events={events} at={at} onAt={onAt} />
        ) : (
          <EventTable events={shown} at={at} onAt={onAt} asJson={view === "json"} onOlder={() => void log.loadOlder()} />
        )}
        {selected && (
          <EventDetail
            event={selected}
            onClose={() => onAt(undefined)}
            onStep={(by) => {
              const next = shown[shown.findIndex((event) => event.seq === selected.seq) + by];
              if (next) onAt(next.seq);
            }}
            onFork={onFork}
          />
        )}
      </div>
    </div>
  );
}
