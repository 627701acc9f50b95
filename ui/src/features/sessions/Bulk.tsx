import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { asProblem, type Problem } from "@/api/problem";
import { commandMany, deleteSession, type BulkCommand, type BulkResult } from "@/api/sessions";
import { Dialog } from "@/components/Dialog";
import { ErrorState } from "@/components/States";
import styles from "./SessionList.module.css";

interface Props {
  readonly selected: readonly string[];
  /** Moved to the trash one by one, just now. */
  readonly gone: readonly string[];
  readonly inTrash: boolean;
  readonly onAll: () => void;
  readonly onClear: () => void;
}

interface Undo {
  readonly ids: readonly string[];
  readonly until: number;
}

const UNDO_MS = 10_000;

/** The same for several sessions; what was deleted can be had back with one press. */
export function Bulk({ selected, gone, inTrash, onAll, onClear }: Props) {
  const queries = useQueryClient();
  const [busy, setBusy] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [result, setResult] = useState<{ command: string; outcome: BulkResult } | null>(null);
  const [undo, setUndo] = useState<Undo | null>(null);
  const [purging, setPurging] = useState(false);

  useEffect(() => {
    if (!undo) return;
    const timer = setTimeout(() => setUndo(null), undo.until - Date.now());
    return () => clearTimeout(timer);
  }, [undo]);

  useEffect(() => {
    if (gone.length === 0) return;
    setResult({ command: "delete", outcome: { succeeded: gone.length, failed: [] } });
    setUndo({ ids: gone, until: Date.now() + UNDO_MS });
  }, [gone]);

  const run = async (command: BulkCommand, ids: readonly string[]) => {
    setBusy(command);
    setProblem(null);
    setResult(null);
    try {
      const outcome = await commandMany(command, ids);
      setResult({ command, outcome });
      const failed = new Set(outcome.failed.map((each) => each.session_id));
      const deleted = ids.filter((id) => !failed.has(id));
      setUndo(command === "delete" && deleted.length > 0 ? { ids: deleted, until: Date.now() + UNDO_MS } : null);
      onClear();
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(null);
      void queries.invalidateQueries({ queryKey: ["sessions"] });
    }
  };
  const purge = async () => {
    setBusy("purge");
    try {
      for (const id of selected) await deleteSession(id, true);
      setPurging(false);
      onClear();
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(null);
      void queries.invalidateQueries({ queryKey: ["sessions"] });
    }
  };
  const button = (command: BulkCommand, word: string) => (
    <Button
      size="xs"
      variant="default"
      loading={busy === command}
      disabled={busy !== null && busy !== command}
      onClick={() => void run(command, selected)}
    >
      {word}
    </Button>
  );
  const said =
    result &&
    `${VERB[result.command] ?? result.command}: ${result.outcome.succeeded} ${result.outcome.succeeded === 1 ? "session" : "sessions"}`;
  return (
    <div
      className={styles.bulk}
      data-shown={selected.length > 0 || undo || problem || result?.outcome.failed.length ? "" : undefined}
    >
      {selected.length > 0 && (
        <div role="toolbar" aria-label="Selected sessions">
          <strong>{selected.length} selected</strong>
          {inTrash ? (
            <>
              {button("restore", "Restore")}
              <Button size="xs" variant="default" onClick={() => setPurging(true)}>
                Delete for good…
              </Button>
            </>
          ) : (
            <>
              {button("suspend", "Pause")}
              {button("resume", "Resume")}
              {button("archive", "Archive")}
              {button("delete", "Delete")}
            </>
          )}
          <Button size="xs" variant="subtle" onClick={onAll}>
            Select all shown
          </Button>
          <Button size="xs" variant="subtle" onClick={onClear}>
            Clear
          </Button>
        </div>
      )}
      <p role="status">
        {said && undo ? (
          <>
            {said}.{" "}
            <Button
              size="compact-sm"
              variant="default"
              onClick={() => {
                const { ids } = undo;
                setUndo(null);
                void run("restore", ids);
              }}
            >
              Undo
            </Button>
          </>
        ) : (
          said
        )}
      </p>
      {result && result.outcome.failed.length > 0 && (
        <ul className={styles.failures}>
          {result.outcome.failed.map((each) => (
            <li key={each.session_id}>{each.detail}</li>
          ))}
        </ul>
      )}
      {problem && <ErrorState problem={problem} />}
      {purging && (
        <Dialog
          title={`Delete ${selected.length === 1 ? "this session" : `${selected.length} sessions`} for good?`}
          onClose={() => setPurging(false)}
          footer={
            <>
              <Button variant="default" data-autofocus onClick={() => setPurging(false)}>
                Keep
              </Button>
              <Button color="red" loading={busy === "purge"} onClick={() => void purge()}>
                Delete for good
              </Button>
            </>
          }
        >
          <p>Conversation, events, files and costs go too. Nobody can bring them back.</p>
        </Dialog>
      )}
    </div>
  );
}

const VERB: Readonly<Record<string, string>> = {
  suspend: "Paused",
  resume: "Resumed",
  archive: "Archived",
  delete: "Moved to the trash",
  restore: "Restored",
  complete: "Done",
};
