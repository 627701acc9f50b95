import { Button } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo, useRef, useState, type FocusEvent, type PointerEvent, type ReactNode } from "react";
import { asProblem } from "@/api/problem";
import { listModes, listSessions } from "@/api/sessions";
import type { SessionGroup, SessionInfo, SessionPage } from "@/api/types";
import { useIsShared, useMe } from "@/components/Access";
import fields from "@/components/form/form.module.css";
import { ErrorState } from "@/components/States";
import { Waiting } from "@/components/Waiting";
import { integer } from "@/lib/format";
import { useKeys } from "@/lib/keys";
import { WORD, type Shown } from "@/lib/status";
import { Bulk } from "./Bulk";
import { Deleted } from "./deleted";
import { Nothing, SearchBox, StatusFilter, WhoseFilter, type Filters } from "./filters";
import { grouped, groupOf, ORDER, places, SERVER_GROUP, shownOf, totalOf } from "./groups";
import styles from "./SessionList.module.css";
import { SessionRow } from "./SessionRow";

const PAGE = 100;
const SHORT = 8;
const URGENT: readonly SessionGroup[] = ["needs_you", "running"];
const LIST = ["sessions", "list"];

interface Props {
  readonly filters: Filters;
  readonly onFilters: (filters: Filters) => void;
  /** Leave the page. */
  readonly onBack: () => void;
  /** Shown in place of the list when there is no session at all. */
  readonly firstRun: ReactNode;
}

export function SessionList({ filters, onFilters, onBack, firstRun }: Props) {
  const { q: search = "", mode, sort, whose } = filters;
  const several = useIsShared();
  const isAdmin = useMe()?.role === "admin";
  const shared = whose === "me" ? true : whose === "mine" ? false : undefined;
  const status = ORDER.find((each) => each === filters.status);
  const query = useInfiniteQuery({
    queryKey: ["sessions", "list", search, status, mode, sort, whose],
    initialPageParam: "",
    getNextPageParam: (before: SessionPage) => before.next_cursor ?? undefined,
    queryFn: ({ pageParam, signal }) =>
      listSessions(
        {
          q: search,
          mode,
          sort,
          shared,
          everybody: whose === "all",
          limit: PAGE,
          cursor: pageParam,
          group: groupsOf(status),
          groups: true,
        },
        signal,
      ),
    placeholderData: keepPreviousData,
  });
  // What needs somebody or runs is shown however long ago it moved last.
  const isLong = status === undefined && (query.data?.pages[0]?.next_cursor ?? null) !== null;
  const urgent = useQuery({
    queryKey: ["sessions", "urgent", search, mode, whose],
    queryFn: ({ signal }) =>
      listSessions({ q: search, mode, shared, everybody: whose === "all", limit: PAGE, group: URGENT }, signal),
    enabled: isLong,
    placeholderData: keepPreviousData,
  });
  const modes = useQuery({ queryKey: ["modes"], queryFn: listModes, staleTime: Infinity });
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [gone, setGone] = useState<readonly string[]>([]);

  const joined = useMemo(
    () => query.data && joinedPages(query.data.pages, isLong ? urgent.data : undefined),
    [query.data, urgent.data, isLong],
  );
  const last = useRef<SessionPage>(undefined);
  if (joined) last.current = joined;
  const page = joined ?? last.current; // what was shown stays, greyed, while the server cannot be asked
  const sessions = useMemo(
    () => (page?.sessions ?? []).filter((session) => !status || groupOf(session) === status),
    [page, status],
  );
  const { held, moved, release, hover } = useHeld(sessions);
  const list = useRef<HTMLDivElement>(null);
  useRowKeys(
    list,
    (id) => setSelected(toggled(selected, id)),
    () => (selected.size > 0 ? setSelected(new Set()) : onBack()),
  );

  if (!page) {
    return query.error ? (
      <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />
    ) : (
      <Waiting query={query} queryKey={LIST} rows={8} tall label="Loading sessions" />
    );
  }
  const isFiltered = Boolean(search || status || mode || whose);
  const everything = Object.values(page.counts).reduce((sum, count) => sum + count, 0);
  const whoseFilter = several && (
    <WhoseFilter value={whose} isAdmin={isAdmin} onChange={(next) => onFilters({ ...filters, whose: next })} />
  );
  if (everything === 0 && !isFiltered)
    return (
      <>
        {isAdmin && whoseFilter}
        {firstRun}
      </>
    );
  const chosen = sessions.filter((session) => selected.has(session.session_id)).map((session) => session.session_id);
  return (
    <>
      <div className={styles.filters}>
        <SearchBox value={search} onChange={(q) => onFilters({ ...filters, q: q || undefined })} />
        <select
          className={fields.control}
          aria-label="Mode"
          value={mode ?? ""}
          onChange={(event) => onFilters({ ...filters, mode: event.currentTarget.value || undefined })}
        >
          <option value="">all modes</option>
          {modes.data?.map((each) => (
            <option key={each.id} value={each.id}>
              {each.label}
            </option>
          ))}
        </select>
        <select
          className={fields.control}
          aria-label="Sort"
          value={sort ?? ""}
          onChange={(event) => onFilters({ ...filters, sort: event.currentTarget.value || undefined })}
        >
          <option value="">last active</option>
          <option value="-created_at">newest</option>
          <option value="created_at">oldest</option>
          <option value="name">name</option>
        </select>
      </div>
      {whoseFilter}
      <StatusFilter page={page} value={status} onChange={(next) => onFilters({ ...filters, status: next })} />
      <p role="status" className="visually-hidden">
        {isFiltered ? `${page.total} sessions match` : `${page.total} sessions`}
      </p>
      {query.error && <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />}
      <Bulk
        selected={chosen}
        gone={gone}
        inTrash={status === "deleted"}
        onAll={() => setSelected(new Set(sessions.map((session) => session.session_id)))}
        onClear={() => setSelected(new Set())}
      />
      {moved > 0 && (
        <Button size="xs" variant="default" className={styles.moved ?? ""} onClick={release}>
          {moved === 1 ? "1 change" : `${moved} changes`}: show
        </Button>
      )}
      {sessions.length === 0 && !query.hasNextPage && !query.isPlaceholderData && (
        <Nothing search={search} status={status} onFilters={onFilters} filters={filters} />
      )}
      <Deleted value={setGone}>
        <div data-stale={query.error ? "" : undefined} className={styles.groups} ref={list} {...hover}>
          {grouped(sessions, held).map(([each, members]) => (
            <Group
              key={each}
              status={each}
              sessions={members}
              total={Math.max(totalOf(each, page), members.length)}
              search={search}
              selected={selected}
              onSelect={(id) => setSelected(toggled(selected, id))}
              onAll={status || search ? undefined : () => onFilters({ ...filters, status: each })}
            />
          ))}
        </div>
      </Deleted>
      {page.total > page.sessions.length && (
        <p className={styles.note}>
          {integer(page.sessions.length)} of {integer(page.total)} are shown; a search covers all of them.
          {query.hasNextPage && (
            <Button
              size="compact-sm"
              variant="default"
              loading={query.isFetchingNextPage}
              onClick={() => void query.fetchNextPage()}
            >
              Show more
            </Button>
          )}
        </p>
      )}
    </>
  );
}

function groupsOf(status: Shown | undefined): SessionGroup[] {
  const group = status && SERVER_GROUP[status];
  return group ? [group] : [];
}

/** Pages as one; what moved from one page to the next while they were read stands in the first. */
function joinedPages(pages: readonly SessionPage[], urgent: SessionPage | undefined): SessionPage | undefined {
  const [first] = pages;
  if (!first) return undefined;
  const byId = new Map<string, SessionInfo>(urgent?.sessions.map((session) => [session.session_id, session]));
  for (const page of pages)
    for (const session of page.sessions) byId.set(session.session_id, byId.get(session.session_id) ?? session);
  return { ...first, sessions: [...byId.values()] };
}

function toggled(selected: ReadonlySet<string>, id: string): Set<string> {
  const next = new Set(selected);
  if (!next.delete(id)) next.add(id);
  return next;
}

/** While the pointer or the focus is in the list, sessions stay where they are; what would move is counted. */
function useHeld(sessions: readonly SessionInfo[]) {
  const [held, setHeld] = useState<ReadonlyMap<string, Shown>>(new Map());
  const release = () => setHeld(new Map());
  const hold = () => {
    if (held.size === 0) setHeld(places(sessions));
  };
  const moved =
    held.size === 0
      ? 0
      : sessions.filter((session) => held.has(session.session_id) && held.get(session.session_id) !== groupOf(session))
          .length;
  const inside = (event: FocusEvent<HTMLElement>) => event.currentTarget.contains(event.relatedTarget);
  const hover = {
    onPointerEnter: hold,
    onPointerLeave: (event: PointerEvent<HTMLElement>) => {
      if (!event.currentTarget.contains(document.activeElement)) release();
    },
    onFocus: hold,
    onBlur: (event: FocusEvent<HTMLElement>) => {
      if (!inside(event) && !event.currentTarget.matches(":hover")) release();
    },
  };
  return { held, moved, release, hover };
}

/** j and k go through the rows, x selects, Escape leaves; Enter opens, as on any link. */
function useRowKeys(
  list: React.RefObject<HTMLDivElement | null>,
  onSelect: (id: string) => void,
  onLeave: () => void,
): void {
  const rows = () => [...(list.current?.querySelectorAll<HTMLElement>("[data-row]") ?? [])];
  const at = () => rows().findIndex((row) => row.contains(document.activeElement));
  const go = (by: number) => {
    const all = rows();
    const index = at();
    all[index < 0 ? 0 : Math.max(0, Math.min(all.length - 1, index + by))]?.querySelector("a")?.focus();
  };
  useKeys({
    j: () => go(1),
    k: () => go(-1),
    x: () => {
      const id = rows()[at()]?.dataset["row"];
      if (id) onSelect(id);
    },
    Escape: onLeave,
  });
}

interface GroupProps {
  readonly status: Shown;
  readonly sessions: readonly SessionInfo[];
  readonly total: number;
  readonly search: string;
  readonly selected: ReadonlySet<string>;
  readonly onSelect: (id: string) => void;
  readonly onAll: (() => void) | undefined;
}

function Group({ status, sessions, total, search, selected, onSelect, onAll }: GroupProps) {
  const shown = onAll && sessions.length > SHORT + 2 ? sessions.slice(0, SHORT) : sessions;
  return (
    <section aria-labelledby={`group-${status}`} className={styles.group}>
      <h2 id={`group-${status}`}>
        {WORD[status]} <span className={styles.count}>{integer(total)}</span>
        {shown.length < total && onAll && (
          <button type="button" className={styles.all} onClick={onAll}>
            show all
          </button>
        )}
      </h2>
      <ul>
        {shown.map((session) => (
          <SessionRow
            key={session.session_id}
            session={session}
            status={shownOf(session)}
            search={search}
            selected={selected.has(session.session_id)}
            onSelect={() => onSelect(session.session_id)}
          />
        ))}
      </ul>
    </section>
  );
}
