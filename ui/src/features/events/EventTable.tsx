import { useMediaQuery } from "@mantine/hooks";
import { memo, useEffect } from "react";
import { ToEnd, useLogRows } from "@/components/rows";
import { integer } from "@/lib/format";
import { clock } from "@/lib/time";
import type { EventFrame } from "@/live/frames";
import { describe } from "./describe";
import styles from "./Events.module.css";

const ROW_PX = 30;
/** On a phone what happened stands below its type. */
const TALL_ROW_PX = 46;

interface Props {
  readonly events: readonly EventFrame[];
  readonly at: number | undefined;
  readonly onAt: (seq: number | undefined) => void;
  readonly asJson: boolean;
  readonly onOlder: () => void;
}

/** The log row by row. */
export function EventTable({ events, at, onAt, asJson, onOlder }: Props) {
  const first = events[0]?.seq;
  const phone = useMediaQuery("(max-width: 700px)", false, { getInitialValueInEffect: false });
  const log = useLogRows({
    count: events.length,
    first,
    rowPx: phone ? TALL_ROW_PX : ROW_PX,
    shape: phone,
    startsAtEnd: at === undefined,
    keyOf: (index) => events[index]?.seq ?? index,
    onStart: onOlder,
  });
  const { rows } = log;
  useEffect(() => {
    const index = events.findIndex((event) => event.seq === at);
    if (index >= 0) rows.scrollToIndex(index, { align: "auto" });
  }, [at, first]);

  return (
    <div className={styles.table}>
      <div
        ref={log.scroller}
        className={styles.rows}
        role="grid"
        aria-label="Events"
        aria-rowcount={events.length}
        tabIndex={0}
        onScroll={log.onScroll}
        onKeyDown={(event) => {
          const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
          if (by === undefined) return;
          const index = events.findIndex((each) => each.seq === at);
          const next = index < 0 ? events.at(-1) : events[index + by];
          if (next) onAt(next.seq);
          event.preventDefault();
        }}
      >
        <div style={{ height: rows.getTotalSize(), position: "relative" }}>
          {rows.getVirtualItems().map((row) => {
            const event = events[row.index];
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
      {events.length === 0 && <p className={styles.none}>No event here matches.</p>}
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

function kindOf(type: string): string | undefined {
  if (type.endsWith("failed") || type === "error" || type === "budget_exceeded") return "bad";
  if (type.startsWith("approval") || type === "budget_warning") return "ask";
  if (type.startsWith("workflow")) return "run";
  return undefined;
}
