import styles from "./CodeBlock.module.css";

/** Text as it is, in a box that scrolls by itself. */
export function CodeBlock({ text, label, tone }: { text: string; label?: string; tone?: "bad" }) {
  return (
    <pre className={styles.code} tabIndex={0} aria-label={label} data-tone={tone} role={label ? "group" : undefined}>
      {text}
    </pre>
  );
}
