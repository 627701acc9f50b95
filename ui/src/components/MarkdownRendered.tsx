import { memo, useMemo, type ReactNode } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import { blocks } from "@/lib/blocks";

/** An agent's headings look like headings, but the outline of the page is the console's own. */
function heading(level: number) {
  return ({ children }: { children?: ReactNode }) => (
    <p className="heading" data-level={level}>
      {children}
    </p>
  );
}

const COMPONENTS: Components = {
  a: ({ href, children }) => {
    const host = hostOf(href);
    return (
      <a href={href} target="_blank" rel="noopener noreferrer nofollow" title={href}>
        {children}
        {host && <span className="link-host"> ({host})</span>}
      </a>
    );
  },
  img: ({ src, alt }) =>
    typeof src === "string" && /^https?:/.test(src) ? (
      <a href={src} target="_blank" rel="noopener noreferrer nofollow">
        Image: {alt || src}
      </a>
    ) : (
      <span>Image: {alt}</span>
    ),
  table: ({ children }) => (
    <div className="table-scroll" tabIndex={0}>
      <table>{children}</table>
    </div>
  ),
  pre: ({ children }) => <pre tabIndex={0}>{children}</pre>,
  h1: heading(1),
  h2: heading(2),
  h3: heading(3),
  h4: heading(4),
  h5: heading(4),
  h6: heading(4),
};

/** Blocks are rendered apart, so that a growing answer parses only its last one again. */
export default function MarkdownRendered({ text }: { text: string }) {
  const parts = useMemo(() => blocks(text), [text]);
  return (
    <>
      {parts.map((part, index) => (
        <Block key={index} text={part} />
      ))}
    </>
  );
}

const Block = memo(function Block({ text }: { text: string }) {
  return (
    <ReactMarkdown remarkPlugins={[remarkGfm]} components={COMPONENTS} skipHtml>
      {text}
    </ReactMarkdown>
  );
});

function hostOf(href: string | undefined): string | null {
  if (!href || !/^https?:/.test(href)) return null;
  try {
    return new URL(href).host;
  } catch {
    return null;
  }
}
