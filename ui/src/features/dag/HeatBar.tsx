import styles from "./Dag.module.css";
import type { Heat } from "./heat";

const WARM = 0.5;
const HOT = 0.75;

/** How much of what the greediest node took this one took; the words beside it say the same. */
export function HeatBar({ heat }: { heat: Heat | undefined }) {
  if (!heat) return null;
  const degree = heat.share >= HOT ? "hot" : heat.share >= WARM ? "warm" : undefined;
  return (
    <span className={styles.heat} data-degree={degree} aria-hidden="true">
      <span style={{ width: `${Math.max(2, heat.share * 100)}%` }} />
    </span>
  );
}
