import { Button } from "@mantine/core";
import { memo, useEffect, useLayoutEffect, useMemo, useRef, useState, type ReactNode, type Ref } from "react";
import { useMe, useRole } from "@/components/Access";
import { Face } from "@/components/Face";
import { Icon } from "@/components/Icon";
import { Markdown } from "@/components/Markdown";
import { EmptyState, Loading } from "@/components/States";
import { WorkspaceProvider } from "@/components/Workspace";
import { peopleIn, sayerOf } from "@/lib/authors";
import { clock } from "@/lib/time";
import type { ApprovalEntry, MessageEntry, OpenMessage, SessionState } from "@/live/session-state";
import { Composer } from "./Composer";
import styles from "./Conversation.module.css";
import { itemsOf } from "./items";
import { Tools } from "./Tools";

const NEAR_END_PX = 40;
const NEAR_START_PX = 160;

interface Props {
  readonly state: SessionState;
  readonly busy: boolean;
  readonly heard: boolean;
  /** Why nothing can be written now. */
  readonly closed: string | null;
  readonly inputRef: Ref<HTMLTextAreaElement>;
  readonly onOlder: () => Promise<void>;
  /** How a past decision is shown. */
  readonly decision: (approval: ApprovalEntry) => ReactNode;
}

/** What was said and done. Keeps to the end while the reader is there, and stays put while they read above. */
export function Conversation({ state, busy, heard, closed, inputRef, onOlder, decision }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const seen = useRef(state.messages.length);
  const newBelow = state.messages.length - seen.current;
  const items = useMemo(() => itemsOf(state), [state.messages, state.tools, state.approvals, state.olderMessages]);
  const { fetchOlder, fetching, failed } = useOlder(scroller, state, onOlder);

  useEffect(() => {
    if (atEnd) seen.current = state.messages.length;
  }, [atEnd, state.messages.length]);
  useLayoutEffect(() => {
    const box = scroller.current;
    if (box && atEnd) box.scrollTop = box.scrollHeight;
  }, [atEnd, items, state.open]);
  useEffect(() => {
    const box = scroller.current;
    const content = box?.firstElementChild;
    if (!box || !content) return;
    const observer = new ResizeObserver(() => {
      if (atEnd) box.scrollTop = box.scrollHeight; // Markdown arrives after its plain text and may be taller
    });
    observer.observe(content);
    return () => observer.disconnect();
  }, [atEnd]);

  const role = useRole();
  const me = useMe()?.user_id ?? null;
  const several =
    peopleIn([...state.messages.map((each) => each.author), ...state.approvals.map((each) => each.answeredBy)]) > 1;
  // what was said before names were kept: where several people write, "You" could be somebody else
  const unnamed = (role === null || role === "owner") && !state.facts.shared ? "You" : "User";
  const asks = state.approvals.some((approval) => approval.status === "pending");
  const unended = asks ? "waits for you" : busy ? "running" : "no result";
  const behind = state.replay !== null && state.seq < state.replay.through;
  const empty = items.length === 0 && state.open.length === 0;
  return (
    <section className={styles.conversation} aria-label="Conversation">
      <div
        ref={scroller}
        className={styles.scroller}
        tabIndex={0}
        role="log"
        aria-label="Messages"
        aria-live="off"
        onScroll={(event) => {
          const box = event.currentTarget;
          setAtEnd(box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX);
          if (box.scrollTop < NEAR_START_PX && !failed) fetchOlder();
        }}
      >
        <div className={styles.messages}>
          <WorkspaceProvider sessionId={state.sessionId} files={state.files}>
            {state.olderMessages !== null && (
              <div className={styles.older}>
                <Button size="compact-xs" variant="default" loading={fetching} onClick={fetchOlder}>
                  {failed ? "Older messages could not be read: try again" : "Older messages"}
                </Button>
              </div>
            )}
            {empty && !behind && <EmptyState>What you and the agents say appears here.</EmptyState>}
            {empty && behind && <Loading label="Catching up" rows={3} />}
            {items.map((item) => {
              switch (item.kind) {
                case "message":
                  return <Said key={item.id} message={item.message} me={me} several={several} unnamed={unnamed} />;
                case "tools":
                  return <Tools key={item.id} tools={item.tools} unended={unended} heard={heard} />;
                case "decision":
                  return <div key={item.id}>{decision(item.approval)}</div>;
                default:
                  return item satisfies never;
              }
            })}
            {state.open.map((message) => (
              <Speaking key={message.messageId} message={message} heard={heard} />
            ))}
          </WorkspaceProvider>
        </div>
      </div>
      {!atEnd && (
        <Button
          size="xs"
          variant="default"
          className={styles.toEnd ?? ""}
          leftSection={<Icon name="down" />}
          onClick={() => setAtEnd(true)}
        >
          {newBelow > 0 ? `${newBelow} new below` : "To the end"}
        </Button>
      )}
      <Composer sessionId={state.sessionId} busy={busy} closed={closed} inputRef={inputRef} />
    </section>
  );
}

/** Older messages come in above without what is read moving away. */
function useOlder(scroller: React.RefObject<HTMLDivElement | null>, state: SessionState, onOlder: () => Promise<void>) {
  const [fetching, setFetching] = useState(false);
  const [failed, setFailed] = useState(false);
  const anchor = useRef<{ first: string | undefined; fromEnd: number } | null>(null);
  const first = state.messages[0]?.messageId;

  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box || !anchor.current || anchor.current.first === first) return;
    box.scrollTop = box.scrollHeight - anchor.current.fromEnd;
    anchor.current = null;
  }, [first, scroller]);

  const fetchOlder = () => {
    const box = scroller.current;
    if (fetching || state.olderMessages === null || !box) return;
    anchor.current = { first, fromEnd: box.scrollHeight - box.scrollTop };
    setFetching(true);
    setFailed(false);
    onOlder()
      .catch(() => setFailed(true))
      .finally(() => setFetching(false));
  };
  return { fetchOlder, fetching, failed };
}

const ROLE: Readonly<Record<string, string>> = { user: "You", assistant: "Agent", system: "System", tool: "Tool" };

interface SaidProps {
  readonly message: MessageEntry;
  readonly me: string | null;
  readonly several: boolean;
  readonly unnamed: string;
}

const Said = memo(function Said({ message, me, several, unnamed }: SaidProps) {
  const human = message.role === "user";
  const sayer = sayerOf(message.author, me, several, unnamed);
  return (
    <article className={styles.message} data-role={message.role} data-message-id={message.messageId}>
      <header>
        {human && sayer.userId !== null && <Face id={sayer.userId} name={sayer.name} small />}
        <strong>{human ? sayer.name : (message.agent ?? ROLE[message.role] ?? message.role)}</strong>
        {human && sayer.mine && <span className={styles.you}>you</span>}
        <time dateTime={message.at} title={new Date(message.at).toLocaleString()}>
          {clock(message.at)}
        </time>
      </header>
      {human ? <div className={styles.mine}>{message.content}</div> : <Markdown text={message.content} />}
    </article>
  );
});

function Speaking({ message, heard }: { message: OpenMessage; heard: boolean }) {
  return (
    <article
      className={styles.message}
      data-role="assistant"
      data-message-id={message.messageId}
      data-open=""
      aria-busy={heard}
    >
      <header>
        <strong>{message.agent ?? "Agent"}</strong>
        <span>{heard ? "writing…" : "not heard of since"}</span>
      </header>
      <Markdown text={message.text} />
    </article>
  );
}
