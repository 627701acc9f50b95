import { Button, TextInput } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { SessionInfo, SessionPage } from "@/api/types";
import { Icon } from "@/components/Icon";
import { EmptyState } from "@/components/States";
import { integer } from "@/lib/format";
import { WORD, type Shown } from "@/lib/status";
import { groupOf, ORDER, SERVER_STATUS } from "./groups";
import styles from "./SessionList.module.css";

const SETTLE_MS = 200;

export interface Filters {
  readonly q?: string | undefined;
  readonly status?: string | undefined;
  readonly mode?: string | undefined;
  readonly sort?: string | undefined;
  /** `me`: shared with the person on this page; `mine`: their own; else both. */
  readonly whose?: string | undefined;
}

/** Server totals for groups that are one status of the server; the others are counted on the page. */
export function totalOf(status: Shown, sessions: readonly SessionInfo[], page: SessionPage): number {
  if (["needs-you", "running", "ready"].includes(status) || page.total <= page.sessions.length) return sessions.length;
  return page.counts[SERVER_STATUS[status] ?? ""] ?? sessions.length;
}

export function StatusFilter(props: {
  page: SessionPage;
  sessions: readonly SessionInfo[];
  value: Shown | undefined;
  onChange: (status: Shown | undefined) => void;
}) {
  const { page, sessions, value, onChange } = props;
  const countOf = (status: Shown): number | null => {
    const isOne = !["needs-you", "running", "ready"].includes(status);
    if (isOne) return page.counts[SERVER_STATUS[status] ?? ""] ?? 0;
    return value && SERVER_STATUS[value] !== "active"
      ? null
      : sessions.filter((session) => groupOf(session) === status).length;
  };
  return (
    <div className={styles.statuses} role="group" aria-label="Status">
      <button type="button" aria-pressed={!value} onClick={() => onChange(undefined)}>
        All
      </button>
      {ORDER.map((status) => {
        const count = countOf(status);
        if (count === 0 && status !== value && status !== "needs-you" && status !== "running") return null;
        return (
          <button
            key={status}
            type="button"
            aria-pressed={value === status}
            onClick={() => onChange(value === status ? undefined : status)}
          >
            {status === "deleted" ? "Trash" : WORD[status]}
            {count !== null && <span>{integer(count)}</span>}
          </button>
        );
      })}
    </div>
  );
}

/** Own sessions and those of others; not on a server with one user. */
export function WhoseFilter(props: {
  value: string | undefined;
  isAdmin: boolean;
  onChange: (whose?: string) => void;
}) {
  const { value, isAdmin, onChange } = props;
  const chip = (whose: string, words: string) => (
    <button type="button" aria-pressed={value === whose} onClick={() => onChange(value === whose ? undefined : whose)}>
      {words}
    </button>
  );
  return (
    <div className={styles.statuses} role="group" aria-label="Whose">
      {chip("mine", "My own")}
      {chip("me", "Shared with me")}
      {isAdmin && chip("all", "Everybody’s")}
    </div>
  );
}

export function Nothing({
  search,
  status,
  filters,
  onFilters,
}: {
  search: string;
  status: Shown | undefined;
  filters: Filters;
  onFilters: (filters: Filters) => void;
}) {
  const where = status ? ` in ${status === "deleted" ? "the trash" : WORD[status]}` : "";
  return (
    <EmptyState
      action={
        <>
          {search && (
            <Button variant="default" size="xs" onClick={() => onFilters({ ...filters, q: undefined })}>
              Clear search
            </Button>
          )}{" "}
          {(status || filters.mode || filters.whose) && (
            <Button variant="default" size="xs" onClick={() => onFilters({ q: filters.q })}>
              {search ? "Search everywhere" : "Show all"}
            </Button>
          )}
        </>
      }
    >
      {search
        ? `Nothing matches “${search}”${where}.`
        : filters.whose === "me"
          ? `Nobody shares a session with you${where && `, at least not${where}`}.`
          : `There is nothing${where}.`}
    </EmptyState>
  );
}

export function SearchBox({ value, onChange }: { value: string; onChange: (text: string) => void }) {
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
