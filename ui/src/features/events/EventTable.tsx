import { useMediaQuery } from "@mantine/hooks";
import { memo, useEffect } from "react";
import { Icon } from "@/components/Icon";
import { ToEnd, useLogRows } from "@/components/rows";
import { integer } from "@/lib/format";
import { clock } from "@/lib/time";
import type { EventFrame } from "@/live/frames";
import type { AttemptRow, LogRow } from "./attempts";
import { describe } from "./describe";
import styles from "./Events.module.css";

const ROW_PX = 30;
/** On a phone what happened stands below its type. */
const TALL_ROW_PX = 46;

interface Props {
  readonly entries: readonly LogRow[];
  /** How many events there are, folded ones too. */
  readonly total: number;
  readonly at: number | undefined;
  readonly onAt: (seq: number | undefined) => void;
  readonly asJson: boolean;
  readonly onOlder: () => void;
  /** Unfold an attempt, or fold it again. */
  readonly onAttempt: (key: string) => void;
}

/** The log row by row. */
export function EventTable({ entries, total, at, onAt, asJson, onOlder, onAttempt }: Props) {
  const first = seqOf(entries[0]);
  const phone = useMediaQuery("(max-width: 700px)", false, { getInitialValueInEffect: false });
  const log = useLogRows({
    count: entries.length,
    total,
    first,
    rowPx: phone ? TALL_ROW_PX : ROW_PX,
    shape: phone,
    startsAtEnd: at === undefined,
    keyOf: (index) => keyOf(entries[index]) ?? index,
    onStart: onOlder,
  });
  const { rows } = log;
  useEffect(() => {
    const index = placeOf(entries, at);
    if (index >= 0) rows.scrollToIndex(index, { align: "auto" });
  }, [at, first]);

  return (
    <div className={styles.table}>
      <div
        ref={log.scroller}
        className={styles.rows}
        role="grid"
        aria-label="Events"
        aria-rowcount={entries.length}
        tabIndex={0}
        onScroll={log.onScroll}
        onKeyDown={(event) => {
          const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
          if (by === undefined) return;
          const next = neighbour(entries, at, by);
          if (next) onAt(next.seq);
          event.preventDefault();
        }}
      >
        <div style={{ height: rows.getTotalSize(), position: "relative" }}>
          {rows.getVirtualItems().map((row) => {
            const entry = entries[row.index];
            if (entry?.kind === "attempt")
              return (
                <Attempt key={entry.key} entry={entry} index={row.index} top={row.start} onPress={onAttempt} />
              );
            const event = entry?.event;
            return (
              event && (
                <Row
                  key={event.seq}
                  event={event}
                  index={row.index}
                  top={row.start}
                  selected={event.seq === at}
                  asJson={asJson}
                  onAt={onAt}
                />
              )
            );
          })}
        </div>
      </div>
      {entries.length === 0 && <p className={styles.none}>No event here matches.</p>}
      <ToEnd rows={log} />
    </div>
  );
}

interface RowProps {
  readonly event: EventFrame;
  readonly index: number;
  readonly top: number;
  readonly selected: boolean;
  readonly asJson: boolean;
  readonly onAt: (seq: number | undefined) => void;
}

const Row = memo(function Row({ event, index, top, selected, asJson, onAt }: RowProps) {
  return (
    <div
      role="row"
      aria-rowindex={index + 1}
      aria-selected={selected}
      className={styles.row}
      data-kind={kindOf(event.type)}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => onAt(selected ? undefined : event.seq)}
    >
      <span role="gridcell" className={styles.seq}>
        {integer(event.seq)}
      </span>
      <span role="gridcell" className={styles.time} title={event.timestamp}>
        {clock(event.timestamp)}
      </span>
      <span role="gridcell" className={styles.type}>
        {event.type}
      </span>
      <span role="gridcell" className={styles.what}>
        {asJson ? JSON.stringify(event.data) : describe(event)}
      </span>
    </div>
  );
});

const Attempt = memo(function Attempt(props: {
  entry: AttemptRow;
  index: number;
  top: number;
  onPress: (key: string) => void;
}) {
  const { entry, index, top, onPress } = props;
  return (
    <div
      role="row"
      aria-rowindex={index + 1}
      className={styles.row}
      data-kind="attempt"
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => onPress(entry.key)}
    >
      <span role="gridcell" className={styles.seq}>
        {integer(entry.seq)}
      </span>
      <span role="gridcell" className={styles.time} title={entry.at}>
        {clock(entry.at)}
      </span>
      <span role="gridcell" className={styles.type}>
        <button
          type="button"
          className={styles.unfold}
          aria-expanded={entry.open}
          onClick={(event) => {
            event.stopPropagation();
            onPress(entry.key);
          }}
        >
          <Icon name="chevron" size={12} /> attempt {entry.attempt}
        </button>
      </span>
      <span role="gridcell" className={styles.what}>
        {entry.name}: {integer(entry.count)} {entry.count === 1 ? "event" : "events"}, {entry.why}
      </span>
    </div>
  );
});

function seqOf(row: LogRow | undefined): number | undefined {
  return row?.kind === "event" ? row.event.seq : row?.seq;
}

function keyOf(row: LogRow | undefined): string | number | undefined {
  return row?.kind === "event" ? row.event.seq : row?.key;
}

function placeOf(rows: readonly LogRow[], at: number | undefined): number {
  return rows.findIndex((row) => row.kind === "event" && row.event.seq === at);
}

/** The event so many rows on; folded attempts are passed over. */
export function neighbour(rows: readonly LogRow[], at: number | undefined, by: number): EventFrame | undefined {
  const events = rows.flatMap((row) => (row.kind === "event" ? [row.event] : []));
  const index = events.findIndex((event) => event.seq === at);
  return index < 0 ? events.at(-1) : events[index + by];
}

function kindOf(type: string): string | undefined {
  if (type.endsWith("failed") || type === "error" || type === "budget_exceeded") return "bad";
  if (type.startsWith("approval") || type === "budget_warning") return "ask";
  if (type.startsWith("workflow")) return "run";
  return undefined;
}
