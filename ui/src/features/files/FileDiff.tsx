import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { readText } from "@/api/files";
import { asProblem } from "@/api/problem";
import fields from "@/components/form/form.module.css";
import { ErrorState, Loading } from "@/components/States";
import { integer } from "@/lib/format";
import type { FileEntry } from "@/live/session-state";
import { diffOf, hunksOf, type DiffLine } from "./diff";
import styles from "./FileList.module.css";
import { previewOf } from "./tree";

const MAX_BYTES = 1_000_000;
const MARK = { same: " ", added: "+", removed: "−" } as const;
const WORD = { same: "", added: "only here: ", removed: "only in the other: " } as const;

interface Props {
  readonly sessionId: string;
  readonly file: FileEntry;
  readonly files: readonly FileEntry[];
}

/** One text file beside another of the session: what was uploaded beside what was made of it. */
export function FileDiff({ sessionId, file, files }: Props) {
  const [path, setPath] = useState("");
  const others = files.filter((each) => each.path !== file.path && isText(each.path));
  const other = others.find((each) => each.path === path);
  if (!isText(file.path) || others.length === 0) return null;
  return (
    <div className={styles.compare}>
      <label>
        Compare with{" "}
        <select className={fields.control} value={path} onChange={(event) => setPath(event.currentTarget.value)}>
          <option value="">another file…</option>
          {others.map((each) => (
            <option key={each.path}>{each.path}</option>
          ))}
        </select>
      </label>
      {other && <Difference key={other.path} sessionId={sessionId} file={file} other={other} />}
    </div>
  );
}

function isText(path: string): boolean {
  return !["image", "pdf"].includes(previewOf(path));
}

function Difference({ sessionId, file, other }: { sessionId: string; file: FileEntry; other: FileEntry }) {
  const mine = useContent(sessionId, file);
  const theirs = useContent(sessionId, other);
  const both = typeof mine.data === "string" && typeof theirs.data === "string";
  const lines = useMemo(() => (both ? diffOf(theirs.data ?? "", mine.data ?? "") : null), [both, mine.data, theirs.data]);
  const failed = mine.error ? mine : theirs.error ? theirs : null;
  if (failed) return <ErrorState problem={asProblem(failed.error)} onRetry={() => void failed.refetch()} />;
  if (mine.isPending || theirs.isPending) return <Loading rows={3} />;
  if (!both) return <p className={styles.none}>One of them is too large to compare, or not text.</p>;
  if (lines === null) return <p className={styles.none}>They have too little in common for a comparison.</p>;
  const { hunks, after } = hunksOf(lines);
  const count = (kind: DiffLine["kind"]) => lines.filter((line) => line.kind === kind).length;
  if (hunks.length === 0) return <p className={styles.none}>Both say the same.</p>;
  return (
    <>
      <p className={styles.none}>
        {linesOf(count("added"))} only in {file.path}, {linesOf(count("removed"))} only in {other.path}.
      </p>
      <div className={styles.diff} role="region" tabIndex={0} aria-label={`${other.path} and ${file.path} compared`}>
        <table>
          <tbody>
            {hunks.map((hunk, at) => [
              hunk.skipped > 0 && <Skipped key={`skipped-${at}`} count={hunk.skipped} />,
              ...hunk.lines.map((line) => (
                <tr key={`${line.left}-${line.right}`} data-kind={line.kind}>
                  <td className={styles.lineNo}>{line.left}</td>
                  <td className={styles.lineNo}>{line.right}</td>
                  <td>
                    <span aria-hidden="true">{MARK[line.kind]} </span>
                    <span className="visually-hidden">{WORD[line.kind]}</span>
                    {line.text}
                  </td>
                </tr>
              )),
            ])}
            {after > 0 && <Skipped count={after} />}
          </tbody>
        </table>
      </div>
    </>
  );
}

function linesOf(count: number): string {
  return `${integer(count)} ${count === 1 ? "line" : "lines"}`;
}

function Skipped({ count }: { count: number }) {
  return (
    <tr data-kind="skipped">
      <td colSpan={3}>
        {linesOf(count)} the same
      </td>
    </tr>
  );
}

function useContent(sessionId: string, file: FileEntry) {
  return useQuery({
    queryKey: ["file", sessionId, file.path, file.at, file.size],
    queryFn: () => readText(sessionId, file.path, MAX_BYTES),
  });
}
