import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { asProblem } from "@/api/problem";
import { getEvents } from "@/api/sessions";
import { Ago } from "@/components/Ago";
import { ErrorState, Loading } from "@/components/States";
import { bytes } from "@/lib/format";
import styles from "./FileList.module.css";
import { versionsOf, type Version } from "./versions";

interface Props {
  readonly sessionId: string;
  readonly path: string;
  /** Another value when the file has changed. */
  readonly changed: string;
  readonly stepName: (stepId: string) => string | undefined;
  readonly onJump: (seq: number) => void;
}

/** When the file was written, by whom, and how its size moved. Contents before the newest are kept nowhere. */
export function FileHistory({ sessionId, path, changed, stepName, onJump }: Props) {
  const [open, setOpen] = useState(false);
  const versions = useQuery({
    queryKey: ["file-versions", sessionId, path, changed],
    queryFn: () => readVersions(sessionId, path),
    enabled: open,
  });
  return (
    <details className={styles.history} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Versions of {path.split("/").at(-1)}</summary>
      {versions.error && (
        <ErrorState problem={asProblem(versions.error)} onRetry={() => void versions.refetch()} />
      )}
      {open && versions.isPending && <Loading rows={2} />}
      {versions.data && (
        <>
          <ol reversed className={styles.versions} aria-label={`Versions of ${path}`}>
            {versions.data.map((version, index) => (
              <li key={version.seq}>
                <button type="button" onClick={() => onJump(version.seq)} title={`Event ${version.seq}`}>
                  {version.change}
                </button>
                <span>{by(version, stepName)}</span>
                <span className="num">
                  {version.size !== null && bytes(version.size)}
                  {difference(version, versions.data[index + 1])}
                </span>
                {version.sha256 && <code title={version.sha256}>{version.sha256.slice(0, 10)}</code>}
                <Ago at={version.at} />
              </li>
            ))}
          </ol>
          {versions.data.length === 0 && <p className={styles.none}>The log says nothing of this file.</p>}
          {versions.data.length > 1 && (
            <p className={styles.none}>Only the newest content is kept; the others are known by size and checksum.</p>
          )}
        </>
      )}
    </details>
  );
}

function by(version: Version, stepName: (stepId: string) => string | undefined): string {
  if (version.stepId === null) return version.runId === null ? "from outside of a run" : "by the run";
  return `in step “${stepName(version.stepId) ?? version.stepId}”`;
}

function difference(version: Version, before: Version | undefined): string {
  if (version.size === null || before?.size == null || version.size === before.size) return "";
  const more = version.size - before.size;
  return ` (${more > 0 ? "+" : "−"}${bytes(Math.abs(more))})`;
}

const MOST_PAGES = 20;

async function readVersions(sessionId: string, path: string): Promise<Version[]> {
  const found: unknown[] = [];
  let after = 0;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const { events, hasMore } = await getEvents(sessionId, after, ["file_update"]);
    found.push(...events);
    const last = versionsOf(events).at(0);
    if (!hasMore || !last) break;
    after = last.seq;
  }
  return versionsOf(found).filter((version) => version.path === path);
}
