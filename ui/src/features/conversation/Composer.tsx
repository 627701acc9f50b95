import { Button, Textarea } from "@mantine/core";
import { useRef, useState, type Ref } from "react";
import { newKey } from "@/api/http";
import { asProblem, type Problem } from "@/api/problem";
import { sendMessage, type OnBusy } from "@/api/sessions";
import { useMay } from "@/components/Access";
import { Segmented } from "@/components/Segmented";
import { ErrorState } from "@/components/States";
import { useDraft } from "@/lib/draft";
import { useStored } from "@/lib/stored";
import styles from "./Conversation.module.css";

interface Props {
  readonly sessionId: string;
  readonly busy: boolean;
  /** Why nothing can be written now, and what to do about it. */
  readonly closed: string | null;
  readonly inputRef: Ref<HTMLTextAreaElement>;
}

const WHAT: Readonly<Record<OnBusy, string>> = {
  enqueue: "It waits in the queue and starts when the run has ended.",
  steer: "The run under way gets it at its next step.",
  interrupt: "The run under way is cancelled, and this starts.",
};
const DONE: Readonly<Record<OnBusy, string>> = {
  enqueue: "It waits in the queue; it starts when the run has ended.",
  steer: "The run gets it at its next step.",
  interrupt: "The run before is being cancelled; this starts next.",
};

export function Composer({ sessionId, busy, closed, inputRef }: Props) {
  const [text, setText] = useDraft(`message.${sessionId}`);
  const [onBusy, setOnBusy] = useStored<OnBusy>("on-busy", "enqueue");
  const [sending, setSending] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [note, setNote] = useState("");
  const key = useRef<string | null>(null);
  const mayWrite = useMay("send");
  const canWrite = closed === null && mayWrite;

  async function send() {
    const content = text.trim();
    if (!content || sending || !canWrite) return;
    setSending(true);
    setProblem(null);
    key.current ??= newKey(); // kept until it worked: pressing again after a lost answer sends it once
    try {
      await sendMessage(sessionId, content, key.current, busy ? onBusy : undefined);
      key.current = null;
      setText("");
      setNote(busy ? DONE[onBusy] : "");
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
      {busy && text && (
        <div className={styles.busy}>
          <span>A run is under way:</span>
          <Segmented
            label="What happens to this message"
            value={onBusy}
            options={[
              ["enqueue", "Wait"],
              ["steer", "Steer"],
              ["interrupt", "Interrupt"],
            ]}
            onChange={setOnBusy}
          />
        </div>
      )}
      <div className={styles.line}>
        <Textarea
          ref={inputRef}
          aria-label="Message"
          placeholder={
            mayWrite ? (closed ?? "Write to this session") : "You can view this session, not write to it"
          }
          autosize
          minRows={1}
          maxRows={8}
          disabled={!canWrite}
          value={text}
          onChange={(event) => {
            key.current = null;
            setNote("");
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
        {note || (busy && text ? WHAT[onBusy] : canWrite ? "Enter sends, Shift+Enter begins a new line." : "")}
      </p>
    </form>
  );
}
