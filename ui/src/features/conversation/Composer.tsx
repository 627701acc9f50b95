import { Button, Textarea } from "@mantine/core";
import { useRef, useState, type Ref } from "react";
import { newKey } from "@/api/http";
import { asProblem, type Problem } from "@/api/problem";
import { sendMessage } from "@/api/sessions";
import { ErrorState } from "@/components/States";
import { useDraft } from "@/lib/draft";
import styles from "./Conversation.module.css";

interface Props {
  readonly sessionId: string;
  readonly busy: boolean;
  readonly canWrite: boolean;
  readonly inputRef: Ref<HTMLTextAreaElement>;
}

export function Composer({ sessionId, busy, canWrite, inputRef }: Props) {
  const [text, setText] = useDraft(`message.${sessionId}`);
  const [sending, setSending] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [queued, setQueued] = useState(false);
  const key = useRef<string | null>(null);

  async function send() {
    const content = text.trim();
    if (!content || sending || !canWrite) return;
    setSending(true);
    setProblem(null);
    key.current ??= newKey(); // kept until it worked: pressing again after a lost answer sends it once
    try {
      await sendMessage(sessionId, content, key.current, busy ? "enqueue" : undefined);
      key.current = null;
      setText("");
      setQueued(busy);
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setSending(false);
    }
  }

  return (
    <form
      className={styles.composer}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {problem && <ErrorState problem={problem} />}
      <div className={styles.line}>
        <Textarea
          ref={inputRef}
          aria-label="Message"
          placeholder={canWrite ? "Write to this session" : "Resume or restore the session to write to it"}
          autosize
          minRows={1}
          maxRows={8}
          disabled={!canWrite}
          value={text}
          onChange={(event) => {
            key.current = null;
            setQueued(false);
            setText(event.currentTarget.value);
          }}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
            event.preventDefault();
            void send();
          }}
          className={styles.input ?? ""}
        />
        <Button type="submit" variant="default" loading={sending} disabled={!text.trim() || !canWrite}>
          Send
        </Button>
      </div>
      <p role="status" className={styles.hint}>
        {queued ? "Waits in the queue; it starts when the run has ended." : busy && text ? "A run is under way: this will wait for its end." : ""}
      </p>
    </form>
  );
}
