import { Button } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import { integer } from "@/lib/format";
import { useNow } from "@/lib/now";
import type { Span } from "@/lib/span";
import { duration } from "@/lib/time";
import type { EventFrame } from "@/live/frames";
import { Bands } from "./Bands";
import { Brush, type Marked } from "./Brush";
import styles from "./Events.module.css";
import { timelineOf, within } from "./timeline";

const ROW_PX = 28;
const WORD = { done: "done", failed: "failed", open: "going on" } as const;
const KIND = { step: "Step", tool: "Tool", ask: "Question", pause: "Pause", away: "Outage" } as const;

interface Props {
  readonly events: readonly EventFrame[];
  readonly at: number | undefined;
  readonly onAt: (seq: number | undefined) => void;
  readonly span: Span | null;
  readonly onSpan: (span: Span) => void;
}

/** What took how long, in the order it began; a stretch that is marked fills the width. */
export function TimelineView({ events, at, onAt, span, onSpan }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const tick = useNow();
  const isOpen = !events.at(-1)?.type.startsWith("workflow_");
  const now = isOpen ? tick : 0;
  const whole = useMemo(() => timelineOf(events, now || Date.parse(events.at(-1)?.timestamp ?? "")), [events, now]);
  const shown = useMemo(() => inside(events, span), [events, span]);
  const line = useMemo(() => (span ? within(whole, shown) : whole), [whole, shown, span]);
  const rows = useVirtualizer({
    count: line.bars.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  });
  const last = shown.length - 1;
  const [mark, setMark] = useState<Marked | null>(null);
  useEffect(() => setMark(null), [span]);
  const marked = mark && mark.to <= last ? mark : { from: 0, to: Math.max(0, last) };
  const done = ({ from, to }: Marked) => {
    const [first, end] = [shown[from], shown[to]];
    if (first && end && (from > 0 || to < last)) onSpan({ from: first.seq, to: end.seq });
  };
  const percent = (time: number) => `${(line.at(time) * 100).toFixed(2)}%`;
  if (whole.bars.length === 0)
    return <p className={styles.nothing}>Steps, tool calls and questions appear here as bars.</p>;
  const isMarked = marked.from > 0 || marked.to < last;
  return (
    <div className={styles.timeline} ref={scroller} tabIndex={0} role="group" aria-label="Timeline">
      <div className={styles.axis}>
        {shown.length > 1 && (
          <Brush
            events={shown}
            place={(index) => line.at(Date.parse(shown[index]?.timestamp ?? ""))}
            marked={marked}
            onMark={setMark}
            onDone={done}
          />
        )}
        <p className={styles.legend}>
          {isMarked ? (
            <>
              <span data-of="none" role="status">
                {integer(marked.to - marked.from + 1)} events marked
              </span>
              <Button size="compact-xs" variant="default" onClick={() => done(marked)}>
                Show only these
              </Button>
            </>
          ) : (
            <span data-of="none">Drag over the times to look at a part</span>
          )}
          {line.folds.length > 0 && <span data-of="fold">nothing happened, folded</span>}
          {line.pauses.length > 0 && <span data-of="pause">paused</span>}
          {line.outages.length > 0 && <span data-of="away">server away</span>}
        </p>
      </div>
      <ul style={{ height: rows.getTotalSize() + 30 }}>
        <li className={styles.track} aria-hidden="true">
          <Bands line={line} />
        </li>
        {rows.getVirtualItems().map((row) => {
          const bar = line.bars[row.index];
          if (!bar) return null;
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
                <span className={styles.barTook}>{duration(bar.to - bar.from)}</span>
              </button>
            </li>
          );
        })}
        {line.bars.length === 0 && <li className={styles.nothing}>No step, call or question in this stretch.</li>}
      </ul>
    </div>
  );
}

function inside(events: readonly EventFrame[], span: Span | null): readonly EventFrame[] {
  return span ? events.filter((event) => event.seq >= span.from && event.seq <= span.to) : events;
}
