import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { fileUrl, readText, uploadFile } from "@/api/files";
import { asProblem, type Problem } from "@/api/problem";
import { Icon } from "@/components/Icon";
import { Markdown } from "@/components/Markdown";
import { EmptyState, ErrorState, Loading } from "@/components/States";
import { bytes } from "@/lib/format";
import type { FileEntry } from "@/live/session-state";
import styles from "./FileList.module.css";

const MAX_PREVIEW_BYTES = 1_000_000;

export function FileList({ sessionId, files }: { sessionId: string; files: readonly FileEntry[] }) {
  const [open, setOpen] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const shown = files.find((file) => file.path === open);

  async function upload(list: FileList | null) {
    setProblem(null);
    try {
      for (const file of list ?? []) await uploadFile(sessionId, file.name, file);
    } catch (error) {
      setProblem(asProblem(error));
    }
  }

  return (
    <div className={styles.files}>
      {files.length === 0 && <EmptyState>Files that you add and that the agents write appear here.</EmptyState>}
      {files.length > 0 && (
        <ul className={styles.list} aria-label="Files">
          {files.map((file) => (
            <li key={file.path} data-open={file.path === open || undefined}>
              <button type="button" aria-expanded={file.path === open} onClick={() => setOpen(file.path === open ? null : file.path)}>
                <Icon name="file" />
                <span className={styles.path}>{file.path}</span>
                <span className={styles.size}>{file.size === null ? "" : bytes(file.size)}</span>
              </button>
              <a href={fileUrl(sessionId, file.path)} download={file.path.split("/").at(-1)} aria-label={`Download ${file.path}`} title="Download">
                <Icon name="down" />
              </a>
            </li>
          ))}
        </ul>
      )}
      {shown && <Preview sessionId={sessionId} file={shown} />}
      {problem && <ErrorState problem={problem} />}
      <label className={styles.add}>
        <Icon name="up" /> Add a file
        <input
          type="file"
          multiple
          className="visually-hidden"
          onChange={(event) => {
            const input = event.currentTarget;
            void upload(input.files).finally(() => (input.value = ""));
          }}
        />
      </label>
    </div>
  );
}

function Preview({ sessionId, file }: { sessionId: string; file: FileEntry }) {
  const [asWritten, setAsWritten] = useState(false);
  const isMarkdown = /\.(md|markdown)$/i.test(file.path);
  const content = useQuery({
    queryKey: ["file", sessionId, file.path, file.at, file.size],
    queryFn: () => readText(sessionId, file.path, MAX_PREVIEW_BYTES),
  });
  return (
    <section className={styles.preview} aria-label={`Content of ${file.path}`}>
      {content.isPending && <Loading rows={3} />}
      {content.error && <ErrorState problem={asProblem(content.error)} onRetry={() => void content.refetch()} />}
      {content.data === null && <p className={styles.none}>Too large to show here, or not text. Download it instead.</p>}
      {typeof content.data === "string" && (
        <>
          {isMarkdown && (
            <Button size="compact-xs" variant="default" className={styles.toggle ?? ""} aria-pressed={asWritten} onClick={() => setAsWritten(!asWritten)}>
              {asWritten ? "Formatted" : "As written"}
            </Button>
          )}
          {isMarkdown && !asWritten ? <Markdown text={content.data} /> : <pre tabIndex={0}>{content.data}</pre>}
        </>
      )}
    </section>
  );
}
