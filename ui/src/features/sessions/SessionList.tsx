import { Button, TextInput } from "@mantine/core";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState, type ReactNode } from "react";
import { asProblem } from "@/api/problem";
import { listSessions } from "@/api/sessions";
import type { SessionInfo } from "@/api/types";
import { Icon } from "@/components/Icon";
import { EmptyState, ErrorState, Loading } from "@/components/States";
import { WORD, type Shown } from "@/lib/status";
import { useListHints } from "@/live/react";
import { grouped, shownOf } from "./groups";
import styles from "./SessionList.module.css";
import { SessionRow } from "./SessionRow";

const PAGE = 200;
const SETTLE_MS = 200;

interface Props {
  readonly search: string;
  readonly onSearch: (text: string) => void;
  /** Shown in place of the list when there is no session at all. */
  readonly firstRun: ReactNode;
}

export function SessionList({ search, onSearch, firstRun }: Props) {
  const queries = useQueryClient();
  const query = useQuery({
    queryKey: ["sessions", search],
    queryFn: ({ signal }) => listSessions({ q: search, limit: PAGE }, signal),
    placeholderData: keepPreviousData,
  });
  const refetchSoon = useSettled(
    useCallback(() => void queries.invalidateQueries({ queryKey: ["sessions"] }), [queries]),
  );
  useListHints(refetchSoon);

  const page = query.data;
  if (!page) {
    return query.error ? (
      <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />
    ) : (
      <Loading rows={6} label="Loading sessions" />
    );
  }
  if (page.total === 0 && !search) return firstRun;
  return (
    <>
      <SearchBox value={search} onChange={onSearch} />
      <p role="status" className="visually-hidden">
        {search ? `${page.total} sessions match` : `${page.total} sessions`}
      </p>
      {query.error && <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />}
      {page.total === 0 && (
        <EmptyState
          action={
            <Button variant="default" size="xs" onClick={() => onSearch("")}>
              Clear search
            </Button>
          }
        >
          Nothing matches “{search}”.
        </EmptyState>
      )}
      <div data-stale={query.error ? "" : undefined} className={styles.groups}>
        {grouped(page.sessions).map(([status, sessions]) => (
          <Group key={status} status={status} sessions={sessions} total={totalOf(status, sessions, page)} search={search} />
        ))}
      </div>
      {page.total > page.sessions.length && (
        <p className={styles.note}>
          The newest {page.sessions.length} of {page.total}. Search to find older ones.
        </p>
      )}
    </>
  );
}

function Group(props: { status: Shown; sessions: readonly SessionInfo[]; total: number; search: string }) {
  const { status, sessions, total, search } = props;
  return (
    <section aria-labelledby={`group-${status}`} className={styles.group}>
      <h2 id={`group-${status}`}>
        {WORD[status]} <span className={styles.count}>{total}</span>
      </h2>
      <ul>
        {sessions.map((session) => (
          <SessionRow key={session.session_id} session={session} status={shownOf(session)} search={search} />
        ))}
      </ul>
    </section>
  );
}

/** Server totals for groups that are one status of the server; the others are counted on the page. */
function totalOf(
  status: Shown,
  sessions: readonly SessionInfo[],
  page: { counts: Readonly<Record<string, number>>; sessions: readonly SessionInfo[]; total: number },
): number {
  const server = { done: "completed", failed: "failed", expired: "expired", archived: "archived" }[status as string];
  if (!server || page.total <= page.sessions.length) return sessions.length;
  return page.counts[server] ?? sessions.length;
}

function SearchBox({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => setText(value), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <TextInput
      type="search"
      aria-label="Search sessions"
      placeholder="Search names and messages"
      leftSection={<Icon name="search" />}
      value={text}
      onChange={(event) => {
        const next = event.currentTarget.value;
        setText(next);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => onChange(next), SETTLE_MS);
      }}
      className={styles.search ?? ""}
    />
  );
}

/** Call `action` once things have been quiet for a moment, and at least every second while they are not. */
function useSettled(action: () => void): () => void {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const first = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    const now = Date.now();
    if (timer.current === undefined) first.current = now;
    clearTimeout(timer.current);
    const wait = now - first.current > 1000 ? 0 : SETTLE_MS;
    timer.current = setTimeout(() => {
      timer.current = undefined;
      action();
    }, wait);
  }, [action]);
}
