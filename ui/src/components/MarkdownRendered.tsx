import { memo, useMemo } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import { blocks } from "@/lib/blocks";

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
    <div className="table-scroll" tabIndex={0} role="region" aria-label="Table">
      <table>{children}</table>
    </div>
  ),
  pre: ({ children }) => <pre tabIndex={0}>{children}</pre>,
  h1: ({ children }) => <h3>{children}</h3>,
  h2: ({ children }) => <h4>{children}</h4>,
  h3: ({ children }) => <h5>{children}</h5>,
  h4: ({ children }) => <h6>{children}</h6>,
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
