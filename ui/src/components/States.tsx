import { Button, Skeleton } from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";
import type { Problem } from "@/api/problem";
import { Icon } from "./Icon";
import styles from "./States.module.css";

/** What will be here, and one thing to do. */
export function EmptyState({ children, action }: { children: ReactNode; action?: ReactNode }) {
  return (
    <div className={styles.empty}>
      <p>{children}</p>
      {action}
    </div>
  );
}

/** What went wrong, where it went wrong, to try again and to hand on. */
export function ErrorState({ problem, onRetry }: { problem: Problem; onRetry?: () => void }) {
  const [copied, setCopied] = useState(false);
  const report = [
    problem.message,
    problem.code,
    problem.requestId && `request ${problem.requestId}`,
    window.location.href,
  ]
    .filter(Boolean)
    .join("\n");
  return (
    <div className={styles.error} role="alert">
      <Icon name="cross" />
      <div>
        <p>{problem.message}</p>
        <p className={styles.code}>
          {problem.code}
          {problem.requestId && <> · request {problem.requestId}</>}
        </p>
      </div>
      {navigator.clipboard && (
        <Button
          size="xs"
          variant="default"
          onClick={() => void navigator.clipboard.writeText(report).then(() => setCopied(true))}
        >
          {copied ? "Copied" : "Copy report"}
        </Button>
      )}
      {onRetry && (
        <Button size="xs" variant="default" onClick={onRetry}>
          Retry
        </Button>
      )}
    </div>
  );
}

const NOTICED_MS = 150;
const LONG_MS = 8_000;

/** Placeholder rows, shown only when loading takes long enough to be noticed; after a while it says so. */
export function Loading({
  rows = 4,
  tall = false,
  label = "Loading",
  onCancel,
}: {
  rows?: number;
  /** Of the height of a row of a list. */
  tall?: boolean;
  label?: string;
  onCancel?: () => void;
}) {
  const [stage, setStage] = useState(0);
  useEffect(() => {
    const timers = [setTimeout(() => setStage(1), NOTICED_MS), setTimeout(() => setStage(2), LONG_MS)];
    return () => timers.forEach(clearTimeout);
  }, []);
  if (stage === 0) return <span hidden data-loading="" />;
  return (
    <div role="status" aria-label={label} className={styles.loading} data-loading="">
      {stage === 2 && (
        <p className={styles.still}>
          Still loading.{" "}
          {onCancel && (
            <Button size="compact-xs" variant="default" onClick={onCancel}>
              Cancel
            </Button>
          )}
        </p>
      )}
      {Array.from({ length: rows }, (_, row) => (
        <Skeleton key={row} height={tall ? 46 : 18} width={tall ? "100%" : `${90 - ((row * 17) % 40)}%`} />
      ))}
    </div>
  );
}
