import { lazy, Suspense } from "react";
import { CodeBlock } from "./CodeBlock";

const Tree = lazy(() => import("./JsonTree"));
const HUGE_CHARS = 1_000_000;

/** JSON to open and fold; what is huge is offered as a file only. */
export function JsonView({ value, label }: { value: unknown; label: string }) {
  if (typeof value === "string") return <CodeBlock text={value} label={label} />;
  const text = JSON.stringify(value, null, 2) ?? "";
  if (text.length > HUGE_CHARS) {
    return (
      <p>
        {(text.length / 1_000_000).toFixed(1)} MB: too large to show here.{" "}
        <a href={URL.createObjectURL(new Blob([text], { type: "application/json" }))} download={`${label}.json`}>
          Download
        </a>
      </p>
    );
  }
  return (
    <Suspense fallback={<CodeBlock text={text} label={label} />}>
      <Tree value={value} label={label} />
    </Suspense>
  );
}
