import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useRef, type ReactNode } from "react";
import { listWaiting } from "@/api/approvals";
import { asProblem } from "@/api/problem";
import type { ApprovalInfo, SessionGroup } from "@/api/types";
import { Ago } from "@/components/Ago";
import { EmptyState, ErrorState } from "@/components/States";
import { Waiting } from "@/components/Waiting";
import { listSessions } from "@/api/sessions";
import { useKeys } from "@/lib/keys";
import styles from "./Inbox.module.css";

/** Where questions are open; a paused session keeps its own. */
const ASKING: readonly SessionGroup[] = ["needs_you", "running", "paused"];

/** All questions of all sessions, the nearest deadline first, each with what is needed to answer it. */
export function Inbox({ request }: { request: (approval: ApprovalInfo) => ReactNode }) {
  const inbox = useQuery({ queryKey: ["inbox"], queryFn: listWaiting });
  const sessions = useQuery({
    queryKey: ["sessions", "inbox"],
    queryFn: ({ signal }) => listSessions({ limit: 200, group: ASKING }, signal),
  });
  const list = useRef<HTMLUListElement>(null);
  const names = useMemo(
    () => new Map((sessions.data?.sessions ?? []).map((session) => [session.session_id, session])),
    [sessions.data],
  );
  const go = (by: number) => {
    const all = [...(list.current?.querySelectorAll<HTMLElement>("[data-request]") ?? [])];
    const at = all.findIndex((card) => card.contains(document.activeElement));
    const next = all[at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + by))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  const press = (...answers: string[]) => {
    const card = (document.activeElement?.closest("[data-request]") ??
      list.current?.querySelector("[data-request]")) as HTMLElement | null;
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
  if (inbox.data.total === 0) {
    return (
      <EmptyState action={<Link to="/sessions">All sessions</Link>}>
        Nothing waits for you. Questions of all sessions appear here as they are asked.
      </EmptyState>
    );
  }
  return (
    <>
      {inbox.error && <ErrorState problem={asProblem(inbox.error)} onRetry={() => void inbox.refetch()} />}
      <ul className={styles.inbox} aria-label="Questions" ref={list}>
        {inbox.data.approvals.map((approval) => {
          const session = names.get(approval.session_id);
          return (
            <li key={approval.approval_id}>
              <p className={styles.where}>
                <Link to="/sessions/$id" params={{ id: approval.session_id }}>
                  {session?.name ?? "Session"}
                </Link>
                {session && <span>{session.mode}</span>}
                <span>
                  asked <Ago at={approval.created_at} />
                </span>
              </p>
              {request(approval)}
            </li>
          );
        })}
      </ul>
      {inbox.data.total > inbox.data.approvals.length && (
        <p>
          The first {inbox.data.approvals.length} of {inbox.data.total}.
        </p>
      )}
    </>
  );
}
