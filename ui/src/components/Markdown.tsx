import { lazy, memo, Suspense } from "react";
import styles from "./Markdown.module.css";

const Rendered = lazy(() => import("./MarkdownRendered"));

/** What an agent wrote: no raw HTML, no images but the session's own files, links that tell where they lead. Plain text until it is ready. */
export const Markdown = memo(function Markdown({ text }: { text: string }) {
  return (
    <div className={styles.markdown}>
      <Suspense fallback={<div className={styles.plain}>{text}</div>}>
        <Rendered text={text} />
      </Suspense>
    </div>
  );
});
