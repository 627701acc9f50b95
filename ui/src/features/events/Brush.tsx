import { useRef, type KeyboardEvent, type PointerEvent } from "react";
import { clock } from "@/lib/time";
import type { EventFrame } from "@/live/frames";
import styles from "./Events.module.css";

/** A stretch of the shown events, by their places among them; both ends included. */
export interface Marked {
  readonly from: number;
  readonly to: number;
}

interface Props {
  readonly events: readonly EventFrame[];
  /** From the time of an event to its place on the axis, 0 to 1. */
  readonly place: (index: number) => number;
  readonly marked: Marked;
  readonly onMark: (marked: Marked) => void;
  /** The mark is as wanted. */
  readonly onDone: (marked: Marked) => void;
}

const STEPS = 40;
const TICKS = [0, 0.25, 0.5, 0.75, 1];

/** The axis above the bars: drag over it, or move its two ends with the keys, to mark a stretch of time. */
export function Brush({ events, place, marked, onMark, onDone }: Props) {
  const anchor = useRef<number | null>(null);
  const last = events.length - 1;
  const nearest = (event: PointerEvent<HTMLElement>): number => {
    const frame = event.currentTarget.getBoundingClientRect();
    return nearestTo((event.clientX - frame.left) / frame.width, last, place);
  };
  const between = (one: number, other: number): Marked => ({ from: Math.min(one, other), to: Math.max(one, other) });
  const onKeyDown = (end: "from" | "to") => (event: KeyboardEvent) => {
    const by = Math.max(1, Math.round(last / STEPS));
    const to = {
      ArrowRight: marked[end] + by,
      ArrowUp: marked[end] + by,
      ArrowLeft: marked[end] - by,
      ArrowDown: marked[end] - by,
      Home: 0,
      End: last,
    }[event.key];
    if (event.key === "Enter") onDone(marked);
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const value = Math.min(last, Math.max(0, to));
    onMark(end === "from" ? { ...marked, from: Math.min(value, marked.to) } : { ...marked, to: Math.max(value, marked.from) });
  };
  const handle = (end: "from" | "to", label: string) => (
    <span
      role="slider"
      tabIndex={0}
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={last}
      aria-valuenow={marked[end]}
      aria-valuetext={`event ${events[marked[end]]?.seq ?? ""}, ${clock(events[marked[end]]?.timestamp ?? "")}`}
      className={styles.handle}
      data-end={end}
      style={{ left: `${place(marked[end]) * 100}%` }}
      onKeyDown={onKeyDown(end)}
    />
  );
  return (
    <div
      className={styles.brush}
      role="group"
      aria-label="Mark a stretch of time"
      title="Drag to look at a stretch of time"
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.preventDefault();
        event.currentTarget.setPointerCapture(event.pointerId);
        anchor.current = nearest(event);
        onMark({ from: anchor.current, to: anchor.current });
      }}
      onPointerMove={(event) => {
        if (anchor.current !== null) onMark(between(anchor.current, nearest(event)));
      }}
      onPointerUp={(event) => {
        if (anchor.current === null) return;
        const done = between(anchor.current, nearest(event));
        anchor.current = null;
        if (done.from === done.to) onMark({ from: 0, to: last });
        else onDone(done);
      }}
      onPointerCancel={() => {
        anchor.current = null;
        onMark({ from: 0, to: last });
      }}
    >
      {TICKS.map((tick) => (
        <span key={tick} className={styles.tick} data-at={tick} style={{ left: `${tick * 100}%` }}>
          {clock(events[nearestTo(tick, last, place)]?.timestamp ?? "")}
        </span>
      ))}
      {(marked.from > 0 || marked.to < last) && (
        <span
          className={styles.marked}
          style={{ left: `${place(marked.from) * 100}%`, width: `${(place(marked.to) - place(marked.from)) * 100}%` }}
        />
      )}
      {handle("from", "Begin of the stretch")}
      {handle("to", "End of the stretch")}
    </div>
  );
}

/** The event whose place is nearest; places never go back. */
export function nearestTo(share: number, last: number, place: (index: number) => number): number {
  let low = 0;
  let high = last;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (place(middle) < share) low = middle + 1;
    else high = middle;
  }
  return low > 0 && share - place(low - 1) < place(low) - share ? low - 1 : low;
}
