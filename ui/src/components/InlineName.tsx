import { Button } from "@mantine/core";
import { useState } from "react";
import { asProblem } from "@/api/problem";
import { changeSession, getSession } from "@/api/sessions";
import styles from "./InlineName.module.css";

interface Props {
  readonly sessionId: string;
  readonly name: string;
  readonly version: number;
  /** It has its name, an old or a new one. */
  readonly onDone: (name: string) => void;
}

/**
 * The name of a session, to be written anew where it stands: Enter keeps it, Escape does not. What was typed is never
 * lost to somebody who changed the name meanwhile.
 */
export function InlineName({ sessionId, name, version, onDone }: Props) {
  const [before] = useState({ name, version });
  const [text, setText] = useState(name);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<string | null>(null);
  const [theirs, setTheirs] = useState<{ name: string; version: number } | null>(null);
  const wanted = text.trim();

  const rename = async (of: number, known: string) => {
    try {
      await changeSession(sessionId, { name: wanted }, of);
    } catch (error) {
      if (asProblem(error).code !== "stale-version") throw error;
      const now = await getSession(sessionId);
      if (now.name !== known && now.name !== wanted) return setTheirs({ name: now.name, version: now.version });
      await changeSession(sessionId, { name: wanted }, now.version); // it moved on, but has its name still
    }
    onDone(wanted);
  };
  const save = async () => {
    if (busy || !wanted) return;
    if (wanted === (theirs ?? before).name) return onDone(wanted);
    setBusy(true);
    setRefused(null);
    try {
      await rename((theirs ?? before).version, (theirs ?? before).name);
    } catch (error) {
      setRefused(asProblem(error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      className={styles.edit}
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <input
        aria-label="Name"
        value={text}
        maxLength={200}
        autoFocus
        onFocus={(event) => event.currentTarget.select()}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.stopPropagation();
          onDone(before.name);
        }}
      />
      <Button type="submit" size="xs" loading={busy} disabled={!wanted}>
        {theirs ? "Use my name" : "Save"}
      </Button>
      <Button size="xs" variant="default" onClick={() => onDone(theirs?.name ?? before.name)}>
        {theirs ? "Keep theirs" : "Cancel"}
      </Button>
      {(refused ?? theirs) && (
        <p role="alert">{refused ?? `Changed in another place: it is called “${theirs?.name}” now.`}</p>
      )}
    </form>
  );
}
