import { Button } from "@mantine/core";
import { memo, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import fields from "@/components/form/form.module.css";
import { Icon } from "@/components/Icon";
import { ToEnd, useLogRows } from "@/components/rows";
import { SpanChip } from "@/components/SpanChip";
import { EmptyState } from "@/components/States";
import { plain, spans } from "@/lib/ansi";
import { integer } from "@/lib/format";
import type { Span } from "@/lib/span";
import { useStored } from "@/lib/stored";
import { clock } from "@/lib/time";
import type { EventFrame } from "@/live/frames";
import { useLogSearch } from "@/live/log-search";
import type { ConsoleLine } from "@/live/session-state";
import styles from "./ConsoleView.module.css";

const ROW_PX = 20;
const PRINTED = ["console"];

interface Props {
  readonly sessionId: string;
  readonly lines: readonly ConsoleLine[];
  /** Lines of events up to this one are on the server; 0: all are here. */
  readonly from: number;
  /** Fetch lines before those that are here, as far back as an event. */
  readonly onOlder: (to?: number) => Promise<void>;
  readonly at: number | undefined;
  readonly onAt: (seq: number | undefined) => void;
  /** The stretch of the log that is looked at; null: all of it. */
  readonly span: Span | null;
  readonly onSpan: (span: Span | null) => void;
  /** Where all of it is to be had as one file. */
  readonly href: string;
  readonly name: string;
}

/** Everything the run printed, the newest part first. */
export default function ConsoleView({ sessionId, lines, from, onOlder, at, onAt, span, onSpan, href, name }: Props) {
  const box = useRef<HTMLInputElement>(null);
  const { fetchOlder, fetching, failed } = useOlder(from, onOlder);
  const [wrap, setWrap] = useStored("console-wrap", false);
  const [stream, setStream] = useState("");
  const [search, setSearch] = useState("");
  const [chosen, setChosen] = useState<string | number | null>(null);
  const wanted = useDeferredValue(search.trim().toLowerCase());

  const streams = useMemo(() => [...new Set(lines.map((line) => line.stream))], [lines]);
  const [first, last] = [span?.from ?? 0, span?.to ?? Number.POSITIVE_INFINITY];
  const shown = useMemo(
    () =>
      stream || first > 0
        ? lines.filter((line) => (!stream || line.stream === stream) && line.seq >= first && line.seq <= last)
        : lines,
    [lines, stream, first, last],
  );
  const hits = useMemo(
    () =>
      wanted ? shown.flatMap((line, index) => (plain(line.text).toLowerCase().includes(wanted) ? [index] : [])) : [],
    [shown, wanted],
  );
  const log = useLogRows({
    count: shown.length,
    first: shown[0]?.id,
    rowPx: ROW_PX,
    startsAtEnd: at === undefined,
    keyOf: (index) => shown[index]?.id ?? index,
    onStart: failed ? undefined : fetchOlder,
    shape: wrap,
  });
  const { rows } = log;

  useEffect(() => {
    if (at !== undefined && at <= from) fetchOlder(at);
  }, [at, from]);
  useEffect(() => {
    if (first > 0 && first <= from) fetchOlder(first);
  }, [first, from]);
  const place = shown.findIndex((line) => line.seq === at);
  useEffect(() => {
    if (place >= 0) rows.scrollToIndex(place, { align: "center" });
  }, [at, place >= 0]);
  // the match is known by its line, not by its number: lines come in above and below while one reads
  const choose = (hit: number) => setChosen(shown[hits[hit] ?? -1]?.id ?? null);
  const hit = hits.findIndex((index) => shown[index]?.id === chosen);
  const lost = hits.length > 0 && hit < 0;
  useEffect(() => {
    if (lost) choose(0);
  }, [lost]);
  useEffect(() => {
    const index = hits[hit];
    if (index === undefined) return;
    log.follow(false);
    rows.scrollToIndex(index, { align: "center" });
  }, [chosen, wanted]);
  const older = useLogSearch({ sessionId, words: span ? "" : wanted, before: from + 1, types: PRINTED });
  const further = useMemo(
    () => older.events.filter((event) => event.seq <= from).map((event) => [event.seq, matching(event, wanted)] as const),
    [older.events, from, wanted],
  );
  const behind = further.reduce((sum, [, count]) => sum + count, 0);
  const [sought, setSought] = useState<number | null>(null);
  useEffect(() => setSought(null), [wanted]);
  const nearest = further.findLast(([, count]) => count > 0)?.[0];
  const goBack = () => {
    if (nearest === undefined) return;
    setSought(nearest);
    fetchOlder(nearest);
  };
  useEffect(() => {
    if (sought === null || fetching) return;
    if (from < sought) choose(hits.findLastIndex((index) => (shown[index]?.seq ?? 0) <= sought));
    if (from < sought || failed) setSought(null);
  }, [sought, from, fetching, failed, hits]);

  if (lines.length === 0 && from === 0) return <EmptyState>What agents and tools print appears here.</EmptyState>;
  const turn = (by: number) => {
    if (by < 0 && hit <= 0 && nearest !== undefined) goBack();
    else if (hits.length > 0) choose((hit + by + hits.length) % hits.length);
  };
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
          onChange={(event) => setSearch(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") turn(event.shiftKey ? -1 : 1);
            if (event.key === "Escape") setSearch("");
          }}
        />
        {wanted && (
          <span className={styles.hits} role="status">
            {hits.length > 0
              ? `${Math.max(hit, 0) + 1} of ${integer(hits.length)}`
              : older.searching
                ? "searching…"
                : behind > 0
                  ? "none here"
                  : "no match"}
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
        {span && <SpanChip span={span} onClear={() => onSpan(null)} />}
        <Button size="xs" variant={wrap ? "light" : "default"} aria-pressed={wrap} onClick={() => setWrap(!wrap)}>
          Wrap
        </Button>
        <Button
          component="a"
          size="xs"
          variant="default"
          leftSection={<Icon name="down" />}
          href={href}
          download={`${name}.log`}
        >
          Download all
        </Button>
      </div>
      {from > 0 && from >= first && (
        <p className={styles.older}>
          {wanted && !span ? (
            <>
              {behind > 0 ? `${integer(behind)} further back` : "None further back"}
              {older.searching
                ? ", still searching."
                : older.through > 1
                  ? `, searched to event ${integer(older.through)}.`
                  : "; all of it was searched."}
              {nearest !== undefined && (
                <Button size="compact-xs" variant="default" loading={sought !== null} onClick={goBack}>
                  Go to the nearest
                </Button>
              )}
              {!older.searching && older.through > 1 && (
                <Button size="compact-xs" variant="default" onClick={older.goOn}>
                  {older.problem ? "The search was cut off: try again" : "Search further back"}
                </Button>
              )}
            </>
          ) : (
            <>
              {integer(lines.length)} {lines.length === 1 ? "line" : "lines"} here, older ones are on the server.
              <Button size="compact-xs" variant="default" loading={fetching} onClick={() => fetchOlder()}>
                {failed ? "Older lines could not be read: try again" : "Older lines"}
              </Button>
            </>
          )}
        </p>
      )}
      <div className={styles.console}>
        <div
          ref={log.scroller}
          className={styles.scroller}
          tabIndex={0}
          role="log"
          aria-label={`Console, ${lines.length} lines${from > 0 ? " and older ones on the server" : ""}`}
          aria-live="off"
          onScroll={log.onScroll}
          onKeyDown={(event) => {
            if (event.key === "n") turn(1);
            if (event.key === "N") turn(-1);
            if (event.key === "f") log.follow(true);
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
        {shown.length === 0 && <p className={styles.none}>Nothing was printed here.</p>}
        <ToEnd rows={log} />
      </div>
    </div>
  );
}

/** How many of the lines that an event printed say the words, without what only a terminal understands. */
function matching(event: EventFrame, wanted: string): number {
  const { lines } = event.data;
  if (!Array.isArray(lines)) return 0;
  return lines.filter((line) => plain(String(line)).toLowerCase().includes(wanted)).length;
}

function useOlder(from: number, onOlder: (to?: number) => Promise<void>) {
  const [fetching, setFetching] = useState(false);
  const [failed, setFailed] = useState(false);
  const fetchOlder = (to?: number) => {
    if (fetching || from === 0) return;
    setFetching(true);
    setFailed(false);
    onOlder(to)
      .catch(() => setFailed(true))
      .finally(() => setFetching(false));
  };
  return { fetchOlder, fetching, failed };
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
