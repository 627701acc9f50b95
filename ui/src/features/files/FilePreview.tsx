import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { fileUrl, readText } from "@/api/files";
import { asProblem } from "@/api/problem";
import { JsonView } from "@/components/JsonView";
import { Markdown } from "@/components/Markdown";
import { usePicture } from "@/components/Picture";
import { ErrorState, Loading } from "@/components/States";
import { bytes } from "@/lib/format";
import type { FileEntry } from "@/live/session-state";
import styles from "./FileList.module.css";
import { previewOf } from "./tree";

const MAX_PREVIEW_BYTES = 1_000_000;

interface Props {
  readonly sessionId: string;
  readonly file: FileEntry;
}

export function FilePreview({ sessionId, file }: Props) {
  const kind = previewOf(file.path);
  return (
    <section className={styles.preview} aria-label={`Content of ${file.path}`} tabIndex={0}>
      {kind === "image" ? (
        <Whole sessionId={sessionId} file={file} />
      ) : kind === "pdf" ? (
        <p className={styles.none}>
          A PDF file{file.size !== null && ` of ${bytes(file.size)}`}.{" "}
          <a href={fileUrl(sessionId, file.path)} download={file.path.split("/").at(-1)}>
            Download it to read it
          </a>
        </p>
      ) : (
        <Text sessionId={sessionId} file={file} kind={kind} />
      )}
    </section>
  );
}

function Whole({ sessionId, file }: Props) {
  const { query, address, tooLarge } = usePicture(sessionId, file, true);
  const [broken, setBroken] = useState(false);
  if (tooLarge) return <p className={styles.none}>Too large to show here. Download it instead.</p>;
  if (query.error) return <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />;
  if (broken) return <p className={styles.none}>These bytes are no picture. Download the file to look into it.</p>;
  return address ? <img src={address} alt={file.path} onError={() => setBroken(true)} /> : <Loading rows={3} />;
}

function Text({ sessionId, file, kind }: Props & { kind: "markdown" | "json" | "text" }) {
  const [asWritten, setAsWritten] = useState(false);
  const content = useQuery({
    queryKey: ["file", sessionId, file.path, file.at, file.size],
    queryFn: () => readText(sessionId, file.path, MAX_PREVIEW_BYTES),
  });
  if (content.isPending) return <Loading rows={3} />;
  if (content.error) return <ErrorState problem={asProblem(content.error)} onRetry={() => void content.refetch()} />;
  if (content.data === null)
    return <p className={styles.none}>Too large to show here, or not text. Download it instead.</p>;
  const parsed = kind === "json" ? parse(content.data) : undefined;
  const formatted = kind === "markdown" || parsed !== undefined;
  return (
    <>
      {formatted && (
        <Button
          size="compact-xs"
          variant="default"
          className={styles.toggle ?? ""}
          aria-pressed={asWritten}
          onClick={() => setAsWritten(!asWritten)}
        >
          {asWritten ? "Formatted" : "As written"}
        </Button>
      )}
      {asWritten || !formatted ? (
        <pre tabIndex={0}>{content.data}</pre>
      ) : parsed !== undefined ? (
        <JsonView value={parsed} label={file.path} />
      ) : (
        <Markdown text={content.data} />
      )}
    </>
  );
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
