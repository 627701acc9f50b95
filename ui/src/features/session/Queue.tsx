import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { asProblem, type Problem } from "@/api/problem";
import { changeQueued, listQueue, removeQueued, reorderQueue, type QueueItem } from "@/api/queue";
import { useMay, useMe } from "@/components/Access";
import fields from "@/components/form/form.module.css";
import { Icon } from "@/components/Icon";
import { ErrorState } from "@/components/States";
import { useListHints } from "@/live/react";
import styles from "./Queue.module.css";

/** Inputs that wait for the run to end: read, change, put in another order, take out. Nothing while none waits. */
export function Queue({ sessionId }: { sessionId: string }) {
  const queries = useQueryClient();
  const query = useQuery({ queryKey: ["queue", sessionId], queryFn: () => listQueue(sessionId) });
  const [problem, setProblem] = useState<Problem | null>(null);
  const refresh = useCallback(
    () => void queries.invalidateQueries({ queryKey: ["queue", sessionId] }),
    [queries, sessionId],
  );
  useListHints(
    useCallback(
      (hint) => {
        if (hint.session_id === undefined || hint.session_id === sessionId) refresh();
      },
      [refresh, sessionId],
    ),
  );
  const act = async (command: () => Promise<unknown>) => {
    setProblem(null);
    try {
      await command();
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      refresh();
    }
  };
  const items = query.data ?? [];
  if (items.length === 0 && !problem) return null;
  const move = (from: number, to: number) => {
    const ids = items.map((item) => item.id);
    ids.splice(to, 0, ...ids.splice(from, 1));
    return act(() => reorderQueue(sessionId, ids));
  };
  return (
    <section className={styles.queue} aria-labelledby="queue-title">
      <h2 id="queue-title">
        Waiting to start <span className={styles.count}>{items.length}</span>
      </h2>
      <ol aria-label="Queue">
        {items.map((item, index) => (
          <Item
            key={item.id}
            item={item}
            first={index === 0}
            last={index === items.length - 1}
            onMove={(by) => void move(index, index + by)}
            onChange={(content) => act(() => changeQueued(sessionId, item.id, content))}
            onRemove={() => void act(() => removeQueued(sessionId, item.id))}
          />
        ))}
      </ol>
      {problem && <ErrorState problem={problem} />}
    </section>
  );
}

interface ItemProps {
  readonly item: QueueItem;
  readonly first: boolean;
  readonly last: boolean;
  readonly onMove: (by: number) => void;
  readonly onChange: (content: string) => Promise<void>;
  readonly onRemove: () => void;
}

function Item({ item, first, last, onMove, onChange, onRemove }: ItemProps) {
  const [text, setText] = useState<string | null>(null);
  const mayChange = useMay("send");
  const me = useMe()?.user_id;
  const tool = (label: string, icon: "up" | "down" | "pen" | "cross", onPress: () => void, disabled = false) => (
    <Button
      variant="subtle"
      color="gray"
      px={7}
      size="xs"
      aria-label={`${label}: ${item.content.slice(0, 60)}`}
      title={label}
      disabled={disabled}
      onClick={onPress}
    >
      <Icon name={icon} />
    </Button>
  );
  if (text !== null) {
    return (
      <li className={styles.editing}>
        <textarea
          className={fields.control}
          aria-label="Waiting input"
          rows={2}
          autoFocus
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <div>
          <Button
            size="xs"
            disabled={!text.trim()}
            onClick={() => void onChange(text.trim()).then(() => setText(null))}
          >
            Save
          </Button>{" "}
          <Button size="xs" variant="default" onClick={() => setText(null)}>
            Cancel
          </Button>
        </div>
      </li>
    );
  }
  return (
    <li>
      <span>
        {me && item.author && item.author.userId !== me && <strong>{item.author.name}: </strong>}
        {item.content}
      </span>
      {mayChange && (
        <>
          {tool("Earlier", "up", () => onMove(-1), first)}
          {tool("Later", "down", () => onMove(1), last)}
          {tool("Change", "pen", () => setText(item.content))}
          {tool("Take out", "cross", onRemove)}
        </>
      )}
    </li>
  );
}
