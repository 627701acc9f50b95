import { Button } from "@mantine/core";
import { useEffect, useLayoutEffect, useRef, useState, type Ref } from "react";
import { Icon } from "@/components/Icon";
import { Markdown } from "@/components/Markdown";
import { EmptyState } from "@/components/States";
import { clock } from "@/lib/time";
import type { MessageEntry, OpenMessage, SessionState } from "@/live/session-state";
import { Composer } from "./Composer";
import styles from "./Conversation.module.css";

const NEAR_END_PX = 60;

interface Props {
  readonly state: SessionState;
  /** A run is under way: what is sent now waits for its end. */
  readonly busy: boolean;
  /** The page still hears of the session. */
  readonly heard: boolean;
  readonly canWrite: boolean;
  readonly inputRef: Ref<HTMLTextAreaElement>;
}

export function Conversation({ state, busy, heard, canWrite, inputRef }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const seen = useRef(state.messages.length);
  const newBelow = atEnd ? 0 : state.messages.length - seen.current;

  useEffect(() => {
    if (atEnd) seen.current = state.messages.length;
  }, [atEnd, state.messages.length]);
  useLayoutEffect(() => {
    const box = scroller.current;
    if (box && atEnd) box.scrollTop = box.scrollHeight;
  }, [atEnd, state.messages, state.open]);
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

  const empty = state.messages.length === 0 && state.open.length === 0;
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
        }}
      >
        <div className={styles.messages}>
          {empty && <EmptyState>What you and the agents say appears here.</EmptyState>}
          {state.messages.map((message) => (
            <Said key={message.messageId} message={message} />
          ))}
          {state.open.map((message) => (
            <Speaking key={message.messageId} message={message} heard={heard} />
          ))}
        </div>
      </div>
      {!atEnd && (
        <Button size="xs" variant="default" className={styles.toEnd ?? ""} leftSection={<Icon name="down" />} onClick={() => setAtEnd(true)}>
          {newBelow > 0 ? `${newBelow} new below` : "To the end"}
        </Button>
      )}
      <Composer sessionId={state.sessionId} busy={busy} canWrite={canWrite} inputRef={inputRef} />
    </section>
  );
}

const ROLE: Readonly<Record<string, string>> = { user: "You", assistant: "Agent", system: "System", tool: "Tool" };

function Said({ message }: { message: MessageEntry }) {
  const mine = message.role === "user";
  return (
    <article className={styles.message} data-role={message.role} data-message-id={message.messageId}>
      <header>
        <strong>{mine ? "You" : (message.agent ?? ROLE[message.role] ?? message.role)}</strong>
        <time dateTime={message.at} title={new Date(message.at).toLocaleString()}>
          {clock(message.at)}
        </time>
      </header>
      {mine ? <div className={styles.mine}>{message.content}</div> : <Markdown text={message.content} />}
    </article>
  );
}

function Speaking({ message, heard }: { message: OpenMessage; heard: boolean }) {
  return (
    <article className={styles.message} data-role="assistant" data-message-id={message.messageId} data-open="" aria-busy={heard}>
      <header>
        <strong>{message.agent ?? "Agent"}</strong>
        <span>{heard ? "writing…" : "not heard of since"}</span>
      </header>
      <Markdown text={message.text} />
    </article>
  );
}
