import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import { useNow } from "@/lib/now";
import { clock, duration } from "@/lib/time";
import type { EventFrame } from "@/live/frames";
import styles from "./Events.module.css";
import { timelineOf } from "./timeline";

const ROW_PX = 28;
const WORD = { done: "done", failed: "failed", open: "going on" } as const;
const KIND = { step: "Step", tool: "Tool", ask: "Question", pause: "Pause", away: "Outage" } as const;

/** What took how long, in the order it began. */
export function TimelineView({
  events,
  at,
  onAt,
}: {
  events: readonly EventFrame[];
  at: number | undefined;
  onAt: (seq: number | undefined) => void;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const tick = useNow();
  const isOpen = !events.at(-1)?.type.startsWith("workflow_");
  const now = isOpen ? tick : 0;
  const line = useMemo(() => timelineOf(events, now || Date.parse(events.at(-1)?.timestamp ?? "")), [events, now]);
  const rows = useVirtualizer({
    count: line.bars.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  });
  const percent = (time: number) => `${(line.at(time) * 100).toFixed(2)}%`;
  if (line.bars.length === 0)
    return <p className={styles.nothing}>Steps, tool calls and questions appear here as bars.</p>;
  return (
    <div className={styles.timeline} ref={scroller} tabIndex={0} role="group" aria-label="Timeline">
      <p className={styles.legend} hidden={line.folds.length + line.outages.length + line.pauses.length === 0}>
        {line.folds.length > 0 && <span data-of="fold">nothing happened, folded</span>}
        {line.pauses.length > 0 && <span data-of="pause">paused</span>}
        {line.outages.length > 0 && <span data-of="away">server away</span>}
      </p>
      <ul style={{ height: rows.getTotalSize() + 30 }}>
        <li className={styles.track} aria-hidden="true">
          {line.folds.map((fold) => (
            <span
              key={fold.from}
              className={styles.fold}
              style={{ left: percent(fold.from), width: `calc(${percent(fold.to)} - ${percent(fold.from)})` }}
              title={`Nothing happened for ${duration(fold.to - fold.from)}`}
            />
          ))}
          {line.pauses.map((pause) => (
            <span
              key={pause.seq}
              className={styles.paused}
              style={{
                left: percent(pause.from),
                width: `max(3px, calc(${percent(pause.to)} - ${percent(pause.from)}))`,
              }}
              title={`Paused for ${duration(pause.to - pause.from)}`}
            />
          ))}
          {line.outages.map((outage) => (
            <span
              key={outage.seq}
              className={styles.outage}
              style={{
                left: percent(outage.from),
                width: `max(3px, calc(${percent(outage.to)} - ${percent(outage.from)}))`,
              }}
              title={`The server was away for ${duration(outage.to - outage.from)}; the run went on at event ${outage.seq}`}
            />
          ))}
          {line.marks.map((mark) => (
            <span
              key={mark.seq}
              className={styles.mark}
              style={{ left: percent(mark.at) }}
              title={`${clock(mark.at > 0 ? new Date(mark.at).toISOString() : "")} ${mark.label}`}
            />
          ))}
        </li>
        {rows.getVirtualItems().map((row) => {
          const bar = line.bars[row.index];
          if (!bar) return null;
          const took = duration(bar.to - bar.from);
          return (
            <li key={bar.key} className={styles.barRow} style={{ transform: `translateY(${row.start}px)` }}>
              <button
                type="button"
                aria-pressed={bar.seq === at}
                onClick={() => onAt(bar.seq === at ? undefined : bar.seq)}
              >
                <span className={styles.barName}>
                  <span className="visually-hidden">{KIND[bar.kind]} </span>
                  {bar.label}
                </span>
                <span className={styles.lane}>
                  <span
                    className={styles.piece}
                    data-kind={bar.kind}
                    data-status={bar.status}
                    style={{
                      left: percent(bar.from),
                      width: `max(3px, calc(${percent(bar.to)} - ${percent(bar.from)}))`,
                    }}
                  />
                </span>
                <span className="visually-hidden">, {WORD[bar.status]}, </span>
                <span className={styles.barTook}>{took}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
