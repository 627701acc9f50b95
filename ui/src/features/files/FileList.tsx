import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useRef, useState, type DragEvent } from "react";
import { fileUrl, uploadFile, zipUrl } from "@/api/files";
import { asProblem, type Problem } from "@/api/problem";
import { useMay } from "@/components/Access";
import { Icon } from "@/components/Icon";
import { EmptyState, ErrorState } from "@/components/States";
import { WorkspaceProvider } from "@/components/Workspace";
import { bytes } from "@/lib/format";
import type { FileEntry } from "@/live/session-state";
import styles from "./FileList.module.css";
import { FileDiff } from "./FileDiff";
import { FileHistory } from "./FileHistory";
import { FilePreview } from "./FilePreview";
import { treeOf, type Folder } from "./tree";

interface ListProps {
  readonly sessionId: string;
  readonly files: readonly FileEntry[];
  /** What a step is called. */
  readonly stepName: (stepId: string) => string | undefined;
  readonly onJump: (seq: number) => void;
}

export default function FileList({ sessionId, files, stepName, onJump }: ListProps) {
  const navigate = useNavigate();
  const { file: open = null } = useSearch({ strict: false });
  const setOpen = (path: string | null) =>
    void navigate({
      to: "/sessions/$id",
      params: { id: sessionId },
      search: (before) => ({ ...before, file: path ?? undefined }),
      replace: true,
    });
  const [problem, setProblem] = useState<Problem | null>(null);
  const [uploading, setUploading] = useState("");
  const [over, setOver] = useState(false);
  const shown = files.find((file) => file.path === open);
  const mayAdd = useMay("edit");
  const preview = useRef<HTMLDivElement>(null);
  useEffect(() => preview.current?.scrollIntoView({ block: "nearest" }), []); // the address may name one far down

  async function upload(list: FileList | null) {
    setProblem(null);
    try {
      for (const file of list ?? []) {
        setUploading(file.name);
        await uploadFile(sessionId, file.name, file);
      }
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setUploading("");
    }
  }
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (mayAdd) void upload(event.dataTransfer.files);
  };

  return (
    <div
      className={styles.files}
      data-over={over || undefined}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(mayAdd);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={onDrop}
    >
      {files.length === 0 && <EmptyState>Files that {mayAdd ? "you add and that " : ""}the agents write appear here.</EmptyState>}
      {files.length > 0 && (
        <div className={styles.list} role="group" aria-label="Files">
          <FolderView folder={treeOf(files)} sessionId={sessionId} open={open} onOpen={setOpen} />
        </div>
      )}
      {shown && (
        <div ref={preview} className={styles.shown}>
          <WorkspaceProvider sessionId={sessionId} files={files} folder={shown.path.split("/").slice(0, -1).join("/")}>
            <FilePreview key={`${shown.path} ${shown.at} ${shown.size ?? ""}`} sessionId={sessionId} file={shown} />
          </WorkspaceProvider>
          <FileDiff key={`diff ${shown.path}`} sessionId={sessionId} file={shown} files={files} />
          <FileHistory
            key={shown.path}
            sessionId={sessionId}
            path={shown.path}
            changed={`${shown.at} ${shown.size ?? ""}`}
            stepName={stepName}
            onJump={onJump}
          />
        </div>
      )}
      {problem && <ErrorState problem={problem} />}
      <div className={styles.adding}>
        {mayAdd && (
          <label className={styles.add}>
            <Icon name="up" /> Add files
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
        )}
        {files.length > 1 && (
          <a className={styles.add} href={zipUrl(sessionId)} download>
            <Icon name="down" /> Download all
          </a>
        )}
        <span role="status">{uploading ? `Uploading ${uploading}` : mayAdd && "or drop them here"}</span>
      </div>
    </div>
  );
}

interface FolderProps {
  readonly folder: Folder;
  readonly sessionId: string;
  readonly open: string | null;
  readonly onOpen: (path: string | null) => void;
}

function FolderView({ folder, sessionId, open, onOpen }: FolderProps) {
  return (
    <ul>
      {folder.folders.map((each) => (
        <li key={each.path}>
          <details open>
            <summary>
              <Icon name="box" /> {each.name}
            </summary>
            <FolderView folder={each} sessionId={sessionId} open={open} onOpen={onOpen} />
          </details>
        </li>
      ))}
      {folder.files.map((file) => (
        <li key={file.path} className={styles.file} data-open={file.path === open || undefined}>
          <button
            type="button"
            aria-expanded={file.path === open}
            onClick={() => onOpen(file.path === open ? null : file.path)}
          >
            <Icon name="file" />
            <span className={styles.path}>{file.path.split("/").at(-1)}</span>
            <span className={styles.size}>{file.size === null ? "" : bytes(file.size)}</span>
          </button>
          <a
            href={fileUrl(sessionId, file.path)}
            download={file.path.split("/").at(-1)}
            aria-label={`Download ${file.path}`}
            title="Download"
          >
            <Icon name="down" />
          </a>
        </li>
      ))}
    </ul>
  );
}
