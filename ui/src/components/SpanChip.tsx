import { integer } from "@/lib/format";
import type { Span } from "@/lib/span";
import { Icon } from "./Icon";
import styles from "./SpanChip.module.css";

/** Says that only a stretch of the log is shown, and shows all of it again. */
export function SpanChip({ span, onClear }: { span: Span; onClear: () => void }) {
  return (
    <span className={styles.chip}>
      only events {integer(span.from)} – {integer(span.to)}
      <button type="button" onClick={onClear}>
        <Icon name="cross" size={12} /> show all
      </button>
    </span>
  );
}
