import { Button } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useLayoutEffect, useRef, useState } from "react";
import { Icon } from "@/components/Icon";
import { EmptyState } from "@/components/States";
import { spans } from "@/lib/ansi";
import { integer } from "@/lib/format";
import { clock } from "@/lib/time";
import type { ConsoleLine } from "@/live/session-state";
import styles from "./ConsoleView.module.css";

const ROW_PX = 20;

/** Everything the run printed. Only the rows in view are in the document. */
export function ConsoleView({ lines }: { lines: readonly ConsoleLine[] }) {
  const scroller = useRef<HTMLDivElement>(null);
  const [follow, setFollow] = useState(true);
  const seen = useRef(lines.length);
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 20,
  });

  useLayoutEffect(() => {
    const box = scroller.current;
    if (!follow || !box) return;
    seen.current = lines.length;
    box.scrollTop = box.scrollHeight;
  }, [follow, lines.length]);

  if (lines.length === 0) return <EmptyState>What agents and tools print appears here.</EmptyState>;
  const fresh = lines.length - seen.current;
  return (
    <div className={styles.console}>
      <div
        ref={scroller}
        className={styles.scroller}
        tabIndex={0}
        role="log"
        aria-label={`Console, ${lines.length} lines`}
        aria-live="off"
        onScroll={(event) => {
          const box = event.currentTarget;
          setFollow(box.scrollHeight - box.scrollTop - box.clientHeight < 2 * ROW_PX);
        }}
      >
        <div className={styles.canvas} style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((row) => {
            const line = lines[row.index];
            return line && <Line key={line.id} line={line} top={row.start} />;
          })}
        </div>
      </div>
      {!follow && (
        <Button size="xs" variant="default" className={styles.toEnd ?? ""} leftSection={<Icon name="down" />} onClick={() => setFollow(true)}>
          {fresh > 0 ? `${integer(fresh)} new` : "To the end"}
        </Button>
      )}
    </div>
  );
}

const Line = memo(function Line({ line, top }: { line: ConsoleLine; top: number }) {
  return (
    <div className={styles.line} data-stream={line.stream} style={{ transform: `translateY(${top}px)` }}>
      <span className={styles.gutter} title={`event ${line.seq}`}>
        {clock(line.at)}
      </span>
      {spans(line.text).map((span, index) => (
        <span key={index} data-color={span.color ?? undefined} data-bold={span.bold || undefined}>
          {span.text}
        </span>
      ))}
    </div>
  );
});
