import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, type FocusEvent, type ReactNode } from "react";
import { getApproval, listWaiting } from "@/api/approvals";
import { asProblem } from "@/api/problem";
import type { ApprovalInfo, SessionGroup, SessionInfo } from "@/api/types";
import { Ago } from "@/components/Ago";
import { EmptyState, ErrorState } from "@/components/States";
import { Waiting } from "@/components/Waiting";
import { listSessions } from "@/api/sessions";
import { useKeys } from "@/lib/keys";
import styles from "./Inbox.module.css";
import { inPlace } from "./kept";

/** Where questions are open; a paused session keeps its own. */
const ASKING: readonly SessionGroup[] = ["needs_you", "running", "paused"];

/**
 * All questions of all sessions, the nearest deadline first, each with what is needed to answer it. What is answered
 * stays in its place, folded, until the page is left.
 */
export function Inbox({ request }: { request: (approval: ApprovalInfo) => ReactNode }) {
  const inbox = useQuery({ queryKey: ["inbox"], queryFn: listWaiting, refetchOnMount: "always" });
  const sessions = useQuery({
    queryKey: ["sessions", "inbox"],
    queryFn: ({ signal }) => listSessions({ limit: 200, group: ASKING }, signal),
  });
  const list = useRef<HTMLUListElement>(null);
  const names = useNames(sessions.data?.sessions);
  const shown = useShown(inbox.data?.approvals, inbox.isFetchedAfterMount);
  const go = (by: number) => {
    const all = [...(list.current?.children ?? [])];
    const at = all.findIndex((item) => item.contains(document.activeElement));
    const first = all.findIndex((item) => item.querySelector("[data-request]"));
    const next = all[at < 0 ? Math.max(0, first) : Math.max(0, Math.min(all.length - 1, at + by))];
    next?.querySelector<HTMLElement>("[data-request], summary")?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  const press = (...answers: string[]) => {
    const item = document.activeElement?.closest("li");
    const inside = item && list.current?.contains(item) ? item : list.current;
    const card = inside?.querySelector("[data-request]");
    const button = answers
      .map((answer) => card?.querySelector<HTMLButtonElement>(`button[data-answer="${answer}"]:not(:disabled)`))
      .find(Boolean);
    button?.click();
  };
  useKeys({
    j: () => go(1),
    k: () => go(-1),
    a: () => press("approve", "continue", "answer"),
    e: () => press("modify"),
    r: () => press("reject", "abort"),
  });

  if (!inbox.data)
    return inbox.error ? (
      <ErrorState problem={asProblem(inbox.error)} onRetry={() => void inbox.refetch()} />
    ) : (
      <Waiting query={inbox} queryKey={["inbox"]} rows={4} label="Loading the inbox" />
    );
  if (shown.length === 0) {
    return (
      <EmptyState action={<Link to="/sessions">All sessions</Link>}>
        Nothing waits for you. Questions of all sessions appear here as they are asked.
      </EmptyState>
    );
  }
  const waiting = new Set(inbox.data.approvals.map((approval) => approval.approval_id));
  return (
    <>
      {inbox.error && <ErrorState problem={asProblem(inbox.error)} onRetry={() => void inbox.refetch()} />}
      <ul className={styles.inbox} aria-label="Questions" ref={list}>
        {shown.map((approval) => (
          <Item
            key={approval.approval_id}
            approval={approval}
            waits={waiting.has(approval.approval_id)}
            session={names.get(approval.session_id)}
            request={request}
          />
        ))}
      </ul>
      {inbox.data.total === 0 && <p role="status">Nothing more waits for you.</p>}
      {inbox.data.total > inbox.data.approvals.length && (
        <p>
          The first {inbox.data.approvals.length} of {inbox.data.total}.
        </p>
      )}
    </>
  );
}

interface ItemProps {
  readonly approval: ApprovalInfo;
  readonly waits: boolean;
  readonly session: SessionInfo | undefined;
  readonly request: (approval: ApprovalInfo) => ReactNode;
}

function Item({ approval, waits, session, request }: ItemProps) {
  const answer = useQuery({
    queryKey: ["approval", approval.approval_id],
    queryFn: () => getApproval(approval.approval_id),
    enabled: !waits,
    staleTime: Infinity,
  });
  const item = useRef<HTMLLIElement>(null);
  const isIn = useRef(false);
  const current = (!waits && answer.data) || approval;
  const folded = current.status !== "pending";
  useEffect(() => {
    const lost = document.activeElement === null || document.activeElement === document.body;
    if (folded && isIn.current && lost) item.current?.querySelector("summary")?.focus({ preventScroll: true });
  }, [folded]);
  if (!waits && answer.error) return null; // gone with its session, or not to be seen any more
  return (
    <li
      ref={item}
      onFocus={() => (isIn.current = true)}
      onBlur={(event: FocusEvent) => {
        if (event.relatedTarget) isIn.current = item.current?.contains(event.relatedTarget) ?? false;
      }}
    >
      <p className={styles.where}>
        <Link to="/sessions/$id" params={{ id: approval.session_id }}>
          {session?.name ?? "Session"}
        </Link>
        {session && <span>{session.mode}</span>}
        <span>
          asked <Ago at={approval.created_at} />
        </span>
      </p>
      {request(current)}
    </li>
  );
}

/** What is shown since the page was opened; what an older list still held is not taken for answered here. */
function useShown(waiting: readonly ApprovalInfo[] | undefined, isFresh: boolean): readonly ApprovalInfo[] {
  const shown = useRef<readonly ApprovalInfo[]>([]);
  return useMemo(() => {
    const now = waiting ?? [];
    if (!isFresh) return now;
    shown.current = inPlace(shown.current, now);
    return shown.current;
  }, [waiting, isFresh]);
}

/** Sessions by their ids; one that asks nothing any more keeps its name. */
function useNames(sessions: readonly SessionInfo[] | undefined): ReadonlyMap<string, SessionInfo> {
  const names = useRef<ReadonlyMap<string, SessionInfo>>(new Map());
  return useMemo(() => {
    const now = (sessions ?? []).map((session) => [session.session_id, session] as const);
    names.current = new Map([...names.current, ...now]);
    return names.current;
  }, [sessions]);
}
