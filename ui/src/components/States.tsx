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

/** What went wrong, where it went wrong. */
export function ErrorState({ problem, onRetry }: { problem: Problem; onRetry?: () => void }) {
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
      {onRetry && (
        <Button size="xs" variant="default" onClick={onRetry}>
          Retry
        </Button>
      )}
    </div>
  );
}

/** Placeholder rows, shown only when loading takes long enough to be noticed. */
export function Loading({ rows = 4, label = "Loading" }: { rows?: number; label?: string }) {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), 150);
    return () => clearTimeout(timer);
  }, []);
  if (!shown) return null;
  return (
    <div role="status" aria-label={label} className={styles.loading}>
      {Array.from({ length: rows }, (_, row) => (
        <Skeleton key={row} height={18} width={`${90 - ((row * 17) % 40)}%`} />
      ))}
    </div>
  );
}
