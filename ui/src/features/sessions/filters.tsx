import { Button, TextInput } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { SessionPage } from "@/api/types";
import { Icon } from "@/components/Icon";
import { EmptyState } from "@/components/States";
import { integer } from "@/lib/format";
import { WORD, type Shown } from "@/lib/status";
import { allOf, ORDER, totalOf } from "./groups";
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

const ALWAYS: ReadonlySet<Shown> = new Set<Shown>(["needs-you", "running", "paused", "failed", "done"]);

/** The groups with their totals; empty ones only where somebody looks for them. */
export function StatusFilter(props: {
  page: SessionPage;
  value: Shown | undefined;
  onChange: (status: Shown | undefined) => void;
}) {
  const { page, value, onChange } = props;
  const chip = (status: Shown | undefined, word: string, count: number) => (
    <button
      key={word}
      type="button"
      data-status={status}
      aria-pressed={value === status}
      onClick={() => onChange(value === status ? undefined : status)}
    >
      {word} <span>{integer(count)}</span>
    </button>
  );
  return (
    <div className={styles.statuses} role="group" aria-label="Status">
      {chip(undefined, "All", allOf(page))}
      {ORDER.filter((status) => ALWAYS.has(status) || status === value || totalOf(status, page) > 0).map((status) =>
        chip(status, status === "deleted" ? "Trash" : WORD[status], totalOf(status, page)),
      )}
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
