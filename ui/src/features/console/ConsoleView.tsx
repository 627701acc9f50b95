import { Button } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useDeferredValue, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import fields from "@/components/form/form.module.css";
import { Icon } from "@/components/Icon";
import { EmptyState } from "@/components/States";
import { plain, spans } from "@/lib/ansi";
import { integer } from "@/lib/format";
import { useStored } from "@/lib/stored";
import { clock } from "@/lib/time";
import type { ConsoleLine } from "@/live/session-state";
import styles from "./ConsoleView.module.css";

const ROW_PX = 20;

interface Props {
  readonly lines: readonly ConsoleLine[];
  readonly at: number | undefined;
  readonly onAt: (seq: number | undefined) => void;
  readonly name: string;
}

/** Everything the run printed. Only the rows in view are in the document, unless lines are wrapped. */
export function ConsoleView({ lines, at, onAt, name }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const box = useRef<HTMLInputElement>(null);
  const [follow, setFollow] = useState(at === undefined);
  const [wrap, setWrap] = useStored("console-wrap", false);
  const [stream, setStream] = useState("");
  const [search, setSearch] = useState("");
  const [hit, setHit] = useState(0);
  const wanted = useDeferredValue(search.trim().toLowerCase());
  const seen = useRef(lines.length);

  const streams = useMemo(() => [...new Set(lines.map((line) => line.stream))], [lines]);
  const shown = useMemo(() => (stream ? lines.filter((line) => line.stream === stream) : lines), [lines, stream]);
  const hits = useMemo(
    () =>
      wanted ? shown.flatMap((line, index) => (plain(line.text).toLowerCase().includes(wanted) ? [index] : [])) : [],
    [shown, wanted],
  );
  const rows = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 20,
    getItemKey: (index) => shown[index]?.id ?? index,
  });

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!follow || !element) return;
    seen.current = lines.length;
    element.scrollTop = element.scrollHeight;
  }, [follow, lines.length, wrap]);
  useEffect(() => {
    const index = shown.findIndex((line) => line.seq === at);
    if (index >= 0) rows.scrollToIndex(index, { align: "center" });
  }, [at]);
  useEffect(() => {
    const index = hits[Math.min(hit, hits.length - 1)];
    if (index === undefined) return;
    setFollow(false);
    rows.scrollToIndex(index, { align: "center" });
  }, [hit, hits]);

  if (lines.length === 0) return <EmptyState>What agents and tools print appears here.</EmptyState>;
  const fresh = lines.length - seen.current;
  const turn = (by: number) => hits.length > 0 && setHit((hit + by + hits.length) % hits.length);
  const file = () =>
    new Blob([lines.map((line) => `${line.at} ${line.stream} ${plain(line.text)}`).join("\n")], { type: "text/plain" });
  return (
    <div className={styles.tab}>
      <div className={styles.bar}>
        <input
          ref={box}
          type="search"
          className={`${fields.control} ${styles.search}`}
          aria-label="Search the console"
          placeholder="Search"
          value={search}
          onChange={(event) => {
            setSearch(event.currentTarget.value);
            setHit(0);
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter") turn(event.shiftKey ? -1 : 1);
            if (event.key === "Escape") setSearch("");
          }}
        />
        {wanted && (
          <span className={styles.hits} role="status">
            {hits.length === 0 ? "no match" : `${Math.min(hit + 1, hits.length)} of ${integer(hits.length)}`}
          </span>
        )}
        {streams.length > 1 && (
          <select
            className={`${fields.control} ${styles.stream}`}
            aria-label="Stream"
            value={stream}
            onChange={(event) => setStream(event.currentTarget.value)}
          >
            <option value="">all streams</option>
            {streams.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        )}
        <Button size="xs" variant={wrap ? "light" : "default"} aria-pressed={wrap} onClick={() => setWrap(!wrap)}>
          Wrap
        </Button>
        <Button
          size="xs"
          variant="default"
          leftSection={<Icon name="down" />}
          onClick={() => save(file(), `${name}.log`)}
        >
          Download
        </Button>
      </div>
      <div className={styles.console}>
        <div
          ref={scroller}
          className={styles.scroller}
          tabIndex={0}
          role="log"
          aria-label={`Console, ${lines.length} lines`}
          aria-live="off"
          onScroll={(event) => {
            const element = event.currentTarget;
            setFollow(element.scrollHeight - element.scrollTop - element.clientHeight < 2 * ROW_PX);
          }}
          onKeyDown={(event) => {
            if (event.key === "n") turn(1);
            if (event.key === "N") turn(-1);
            if (event.key === "f") setFollow(true);
            if (event.key === "/") {
              event.preventDefault();
              box.current?.focus();
            }
          }}
        >
          <div className={styles.canvas} style={{ height: rows.getTotalSize() }} data-wrap={wrap || undefined}>
            {rows.getVirtualItems().map((row) => {
              const line = shown[row.index];
              return (
                line && (
                  <Line
                    key={line.id}
                    line={line}
                    index={row.index}
                    top={row.start}
                    measure={wrap ? rows.measureElement : null}
                    marked={hits[hit] === row.index || line.seq === at}
                    onAt={onAt}
                  />
                )
              );
            })}
          </div>
        </div>
        {!follow && (
          <Button
            size="xs"
            variant="default"
            className={styles.toEnd ?? ""}
            leftSection={<Icon name="down" />}
            onClick={() => setFollow(true)}
          >
            {fresh > 0 ? `${integer(fresh)} new` : "To the end"}
          </Button>
        )}
      </div>
    </div>
  );
}

function save(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

interface LineProps {
  readonly line: ConsoleLine;
  readonly index: number;
  readonly top: number;
  readonly measure: ((element: Element | null) => void) | null;
  readonly marked: boolean;
  readonly onAt: (seq: number | undefined) => void;
}

const Line = memo(function Line({ line, index, top, measure, marked, onAt }: LineProps) {
  return (
    <div
      ref={measure}
      data-index={index}
      className={styles.line}
      data-stream={line.stream}
      data-marked={marked || undefined}
      style={{ transform: `translateY(${top}px)` }}
    >
      <button
        type="button"
        tabIndex={-1}
        className={styles.gutter}
        title={`Event ${line.seq}: put its address into the address bar`}
        onClick={() => onAt(line.seq)}
      >
        {clock(line.at)}
      </button>
      {spans(line.text).map((span, at) => (
        <span key={at} data-color={span.color ?? undefined} data-bold={span.bold || undefined}>
          {span.text}
        </span>
      ))}
    </div>
  );
});
