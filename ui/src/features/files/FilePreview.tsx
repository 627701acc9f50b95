import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { fileUrl, readBlobUrl, readText } from "@/api/files";
import { asProblem } from "@/api/problem";
import { JsonView } from "@/components/JsonView";
import { Markdown } from "@/components/Markdown";
import { ErrorState, Loading } from "@/components/States";
import { bytes } from "@/lib/format";
import type { FileEntry } from "@/live/session-state";
import styles from "./FileList.module.css";
import { imageType, previewOf } from "./tree";

const MAX_PREVIEW_BYTES = 1_000_000;
const MAX_IMAGE_BYTES = 20_000_000;

interface Props {
  readonly sessionId: string;
  readonly file: FileEntry;
}

export function FilePreview({ sessionId, file }: Props) {
  const kind = previewOf(file.path);
  return (
    <section className={styles.preview} aria-label={`Content of ${file.path}`} tabIndex={0}>
      {kind === "image" ? (
        <Picture sessionId={sessionId} file={file} />
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

function Picture({ sessionId, file }: Props) {
  const tooLarge = file.size !== null && file.size > MAX_IMAGE_BYTES;
  const picture = useQuery({
    queryKey: ["picture", sessionId, file.path, file.at, file.size],
    queryFn: () => readBlobUrl(sessionId, file.path, imageType(file.path)),
    enabled: !tooLarge,
    gcTime: 0,
  });
  const url = picture.data;
  useEffect(() => () => (url ? URL.revokeObjectURL(url) : undefined), [url]);
  if (tooLarge) return <p className={styles.none}>Too large to show here. Download it instead.</p>;
  if (picture.error) return <ErrorState problem={asProblem(picture.error)} onRetry={() => void picture.refetch()} />;
  return url ? <img src={url} alt={file.path} /> : <Loading rows={3} />;
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
