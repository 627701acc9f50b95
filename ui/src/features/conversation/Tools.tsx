import { memo } from "react";
import { CodeBlock } from "@/components/CodeBlock";
import { Icon, type IconName } from "@/components/Icon";
import { Picture } from "@/components/Picture";
import { useWorkspace } from "@/components/Workspace";
import { pictureType } from "@/lib/pictures";
import { duration } from "@/lib/time";
import type { ToolEntry } from "@/live/session-state";
import styles from "./Conversation.module.css";

/** What is true of calls without a result: they run, wait for a person, or were left behind when the run stopped. */
export type Unended = "running" | "waits for you" | "no result";

interface Props {
  readonly tools: readonly ToolEntry[];
  readonly unended: Unended;
  readonly heard: boolean;
}

/** Tool calls and code that was run between two messages, each folded to a line. */
export const Tools = memo(function Tools({ tools, unended, heard }: Props) {
  return (
    <ul className={styles.tools} aria-label="Tool calls">
      {tools.map((tool) => (
        <li key={tool.seq}>
          <Tool tool={tool} unended={unended} heard={heard} />
          {tool.files.length > 0 && <Made paths={tool.files} />}
        </li>
      ))}
    </ul>
  );
});

/** The pictures that a call made, as long as they are there. */
function Made({ paths }: { paths: readonly string[] }) {
  const workspace = useWorkspace();
  const files = workspace?.files.filter((file) => paths.includes(file.path) && pictureType(file.path)) ?? [];
  if (!workspace || files.length === 0) return null;
  return (
    <ul className={styles.made} aria-label="Pictures it made">
      {files.map((file) => (
        <li key={file.path}>
          <Picture sessionId={workspace.sessionId} file={file} alt={file.path} small />
        </li>
      ))}
    </ul>
  );
}

const UNENDED_ICON: Readonly<Record<Unended, IconName>> = {
  running: "retry",
  "waits for you": "hand",
  "no result": "off",
};

function Tool({ tool, unended, heard }: { tool: ToolEntry; unended: Unended; heard: boolean }) {
  const open = tool.status === "running";
  const icon = open
    ? UNENDED_ICON[unended]
    : tool.status === "failed"
      ? "cross"
      : tool.kind === "code"
        ? "code"
        : "wrench";
  return (
    <details className={styles.tool} data-status={tool.status}>
      <summary>
        <Icon name={icon} size={14} spin={open && unended === "running" && heard} />
        <code>{tool.kind === "code" ? `ran ${tool.tool}` : tool.tool}</code>
        <span className={styles.gist}>{gist(tool)}</span>
        <span className={styles.took}>
          {open ? unended : outcome(tool)}
          {tool.durationMs !== null && <> {duration(tool.durationMs)}</>}
        </span>
      </summary>
      <div className={styles.inside}>
        {tool.kind === "code" ? (
          <CodeBlock text={String(tool.arguments["code"] ?? "")} label="Code" />
        ) : (
          <CodeBlock text={JSON.stringify(tool.arguments, null, 2)} label="Arguments" />
        )}
        {tool.result !== null && tool.result !== "" && (
          <CodeBlock
            text={tool.result}
            label={tool.kind === "code" ? "Output" : "Result"}
            {...(tool.status === "failed" ? { tone: "bad" as const } : {})}
          />
        )}
        {tool.result === "" && <p className={styles.none}>It printed nothing.</p>}
        {tool.kind === "code" && tool.agent && <p className={styles.none}>isolation: {tool.agent}</p>}
      </div>
    </details>
  );
}

function outcome(tool: ToolEntry): string {
  if (tool.status !== "failed") return "";
  const exit = tool.arguments["exit_status"];
  return typeof exit === "number" ? `exit ${exit}` : "failed";
}

const GIST_CHARS = 90;

/** The one argument that says most. */
function gist(tool: ToolEntry): string {
  const args = tool.arguments;
  const named = ["path", "command", "code", "query", "url", "question", "text"]
    .map((name) => args[name])
    .find((value) => typeof value === "string");
  const first = named ?? Object.values(args).find((value) => typeof value === "string" || typeof value === "number");
  const line = String(first ?? "").split("\n", 1)[0] ?? "";
  return line.length > GIST_CHARS ? `${line.slice(0, GIST_CHARS)}…` : line;
}
