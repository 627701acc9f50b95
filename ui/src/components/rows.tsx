import { Button } from "@mantine/core";
import { useVirtualizer, type Virtualizer } from "@tanstack/react-virtual";
import { useLayoutEffect, useRef, useState, type RefObject } from "react";
import { integer } from "@/lib/format";
import { Icon } from "./Icon";
import styles from "./rows.module.css";

interface Options {
  readonly count: number;
  /** How much there is, whatever is folded: what counts as new when the end was left. As many as rows otherwise. */
  readonly total?: number;
  /** What stands in the first row: another one means that older rows came in above. */
  readonly first: string | number | undefined;
  readonly rowPx: number;
  /** Begin at the end and stay there while the reader does. */
  readonly startsAtEnd: boolean;
  readonly keyOf?: (index: number) => string | number;
  /** Rows before the first are to be had. */
  readonly onStart?: (() => void) | undefined;
  /** Changes whenever all rows may have another height. */
  readonly shape?: unknown;
}

export interface LogRows {
  readonly scroller: RefObject<HTMLDivElement | null>;
  readonly rows: Virtualizer<HTMLDivElement, Element>;
  readonly follows: boolean;
  /** Rows that came in since the end was left. */
  readonly fresh: number;
  readonly follow: (follows: boolean) => void;
  readonly onScroll: () => void;
}

const OVERSCAN = 16;
const NEAR_START_ROWS = 8;

/**
 * Rows of a log in a box: only those in view are in the document. The box keeps to its end while the reader is there,
 * and what is read stays where it is when older rows come in above.
 */
export function useLogRows({ count, total = count, first, rowPx, startsAtEnd, keyOf, onStart, shape }: Options): LogRows {
  const scroller = useRef<HTMLDivElement>(null);
  const [follows, setFollows] = useState(startsAtEnd);
  const seen = useRef(total);
  const fromEnd = useRef(0);
  const rows = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPx,
    overscan: OVERSCAN,
    ...(keyOf ? { getItemKey: keyOf } : {}),
  });

  useLayoutEffect(() => {
    const box = scroller.current;
    if (box && !follows) box.scrollTop = rows.getTotalSize() - fromEnd.current;
  }, [first]);
  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box || !follows) return;
    seen.current = total;
    box.scrollTop = box.scrollHeight;
  }, [follows, count, first, shape]);

  const onScroll = () => {
    const box = scroller.current;
    if (!box) return;
    fromEnd.current = box.scrollHeight - box.scrollTop;
    setFollows(box.scrollHeight - box.scrollTop - box.clientHeight < 2 * rowPx);
    if (box.scrollTop < NEAR_START_ROWS * rowPx && box.scrollHeight > box.clientHeight) onStart?.();
  };
  return { scroller, rows, follows, fresh: Math.max(0, total - seen.current), follow: setFollows, onScroll };
}

/** Back to the end of rows that go on growing. */
export function ToEnd({ rows }: { rows: LogRows }) {
  if (rows.follows) return null;
  return (
    <Button
      size="xs"
      variant="default"
      className={styles.toEnd ?? ""}
      leftSection={<Icon name="down" />}
      onClick={() => rows.follow(true)}
    >
      {rows.fresh > 0 ? `${integer(rows.fresh)} new` : "To the end"}
    </Button>
  );
}
