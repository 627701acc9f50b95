import { Button } from "@mantine/core";
import { useDeferredValue, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { Icon } from "@/components/Icon";
import { Segmented } from "@/components/Segmented";
import { SpanChip } from "@/components/SpanChip";
import { EmptyState, ErrorState, Loading } from "@/components/States";
import { integer } from "@/lib/format";
import { isIn, type Span } from "@/lib/span";
import { EventLog } from "@/live/event-log";
import type { EventFrame } from "@/live/frames";
import { says, useLogSearch } from "@/live/log-search";
import type { SessionStore } from "@/live/session-store";
import { rowsOf } from "./attempts";
import { describe } from "./describe";
import { EventDetail } from "./EventDetail";
import styles from "./Events.module.css";
import { EventTable, neighbour } from "./EventTable";
import { TimelineView } from "./TimelineView";
import fields from "@/components/form/form.module.css";

interface Props {
  readonly store: SessionStore;
  readonly seq: number;
  readonly at: number | undefined;
  readonly onAt: (seq: number | undefined) => void;
  /** The stretch of the log that is looked at; null: all of it. */
  readonly span: Span | null;
  readonly onSpan: (span: Span | null) => void;
  readonly view: View;
  readonly onView: (view: View) => void;
  readonly onFork: (seq: number) => void;
}

/** As many kinds of events as fit in two rows; the rest on demand. */
const FEW_TYPES = 7;

type View = "table" | "timeline" | "json";

export default function EventsTab({ store, seq, at, onAt, span, onSpan, view, onView, onFork }: Props) {
  const [log] = useState(() => new EventLog(store.sessionId, seq));
  const { events, hasOlder, loading, problem } = useSyncExternalStore(log.subscribe, log.getView);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [search, setSearch] = useState("");
  const wanted = useDeferredValue(search.trim().toLowerCase());

  useEffect(() => {
    const stop = store.onEvents((fresh) => log.add(fresh));
    void (at === undefined ? log.loadOlder() : log.reach(at - 50));
    return stop;
  }, [log, store]);
  const from = span?.from;
  useEffect(() => {
    if (from !== undefined) void log.reach(from);
  }, [from, log]);
  const first = events[0]?.seq ?? 1;
  const searches = wanted !== "" && view !== "timeline";
  const older = useLogSearch({ sessionId: store.sessionId, words: searches && !span ? wanted : "", before: first });
  useEffect(() => {
    // what was found further back is shown as it is; it is read in its place when the search is over
    if (at !== undefined && !(searches && older.events.some((event) => event.seq === at))) void log.reach(at);
  }, [at, log, searches]);

  const counts = useMemo(() => {
    const found = new Map<string, number>();
    for (const event of events) found.set(event.type, (found.get(event.type) ?? 0) + 1);
    return [...found].sort((a, b) => b[1] - a[1]);
  }, [events]);
  const [allTypes, setAllTypes] = useState(false);
  const few = allTypes || counts.length <= FEW_TYPES + 1;
  const offered = few ? counts : counts.filter(([type], index) => index < FEW_TYPES || hidden.has(type));
  const matches = useMemo(
    () => (event: EventFrame) =>
      isIn(span, event.seq) &&
      !hidden.has(event.type) &&
      (!wanted || event.seq < first || says(event, wanted) || describe(event).toLowerCase().includes(wanted)),
    [span?.from, span?.to, hidden, wanted, first],
  );
  const all = useMemo(
    () => (older.events.length > 0 ? [...older.events.filter((event) => event.seq < first), ...events] : events),
    [older.events, events, first],
  );
  const shown = useMemo(() => all.filter(matches), [all, matches]);
  const entries = useMemo(() => rowsOf(all, matches, opened, at), [all, matches, opened, at]);
  if (events.length === 0) {
    if (problem) return <ErrorState problem={problem} onRetry={() => void log.loadOlder()} />;
    return hasOlder ? (
      <Loading rows={8} label="Loading events" />
    ) : (
      <EmptyState>Everything that happens is written here, in order.</EmptyState>
    );
  }
  const selected = at === undefined ? undefined : all.find((event) => event.seq === at);
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
          onChange={onView}
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
            : searches
              ? `${integer(shown.length)} found`
              : `${integer(shown.length)} of ${integer(events.length)}`}
          {hasOlder &&
            !span &&
            (searches ? whereTo(older.through, older.searching) : `, before event ${integer(first)} on the server`)}
        </span>
        {searches && !older.searching && older.through > 1 && hasOlder && !span && (
          <Button size="compact-xs" variant="default" onClick={older.goOn}>
            {older.problem ? "The search was cut off: try again" : "Search further back"}
          </Button>
        )}
        {span && <SpanChip span={span} onClear={() => onSpan(null)} />}
        {hasOlder && !searches && !span && (
          <Button size="compact-xs" variant="default" loading={loading} onClick={() => void log.loadOlder()}>
            Load older
          </Button>
        )}
      </div>
      {view !== "timeline" && (
        <div className={styles.types} role="group" aria-label="Types of events">
          {offered.map(([type, count]) => (
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
          {counts.length > offered.length && (
            <button type="button" onClick={() => setAllTypes(true)}>
              {counts.length - offered.length} more types
            </button>
          )}
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
          <TimelineView events={events} at={at} onAt={onAt} span={span} onSpan={onSpan} />
        ) : (
          <EventTable
            entries={entries}
            total={shown.length}
            at={at}
            onAt={onAt}
            asJson={view === "json"}
            onOlder={() => {
              if (!span && !searches) void log.loadOlder();
            }}
            onAttempt={(key) => {
              const next = new Set(opened);
              if (!next.delete(key)) next.add(key);
              setOpened(next);
            }}
          />
        )}
        {selected && (
          <EventDetail
            event={selected}
            onClose={() => onAt(undefined)}
            onStep={(by) => {
              const next = neighbour(entries, selected.seq, by);
              if (next) onAt(next.seq);
            }}
            onFork={onFork}
          />
        )}
      </div>
    </div>
  );
}

function whereTo(through: number, searching: boolean): string {
  if (searching) return `, searching before event ${integer(through)}…`;
  return through > 1 ? `, searched back to event ${integer(through)}` : " in the whole log";
}
