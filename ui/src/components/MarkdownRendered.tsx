import { createContext, isValidElement, memo, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import { blocks } from "@/lib/blocks";
import { pictureAt } from "@/lib/pictures";
import { Picture } from "./Picture";
import { useWorkspace } from "./Workspace";

/** An agent's headings look like headings, but the outline of the page is the console's own. */
function heading(level: number) {
  return ({ children }: { children?: ReactNode }) => (
    <p className="heading" data-level={level}>
      {children}
    </p>
  );
}

const COPIED_MS = 2_000;

/** A piece of code under the name of its language; it scrolls sideways by itself and is taken with one press. */
function Code({ children }: { children?: ReactNode }) {
  const box = useRef<HTMLPreElement>(null);
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () =>
    void navigator.clipboard.writeText(box.current?.textContent ?? "").then(
      () => setCopied(true),
      () => undefined,
    );
  return (
    <div className="code">
      <div className="code-head">
        <span>{languageOf(children)}</span>
        {navigator.clipboard && (
          <button type="button" onClick={copy} aria-label={copied ? "Copied" : "Copy the code"}>
            {copied ? "Copied" : "Copy"}
          </button>
        )}
      </div>
      <pre ref={box} tabIndex={0}>
        {children}
      </pre>
    </div>
  );
}

function languageOf(children: ReactNode): string {
  const props: unknown = isValidElement(children) ? children.props : null;
  const name = typeof props === "object" && props !== null && "className" in props ? String(props.className) : "";
  return /language-([\w+#.-]+)/.exec(name)?.[1] ?? "text";
}

const InLink = createContext(false);

/** A picture among the session's own files is shown; any other is told of, and never asked for. */
function Image({ src, alt = "" }: { src: string | undefined; alt: string | undefined }) {
  const workspace = useWorkspace();
  const linked = useContext(InLink);
  const file = workspace && src ? pictureAt(src, workspace.files, workspace.folder) : null;
  if (workspace && file) return <Picture sessionId={workspace.sessionId} file={file} alt={alt} plain={linked} />;
  if (!linked && src && /^https?:/.test(src))
    return (
      <a href={src} target="_blank" rel="noopener noreferrer nofollow">
        Image: {alt || src}
      </a>
    );
  return <span>Image: {alt}</span>;
}

const COMPONENTS: Components = {
  a: ({ href, children }) => {
    const host = hostOf(href);
    return (
      <a href={href} target="_blank" rel="noopener noreferrer nofollow" title={href}>
        <InLink.Provider value={true}>{children}</InLink.Provider>
        {host && <span className="link-host"> ({host})</span>}
      </a>
    );
  },
  img: ({ src, alt }) => <Image src={typeof src === "string" ? src : undefined} alt={alt} />,
  table: ({ children }) => (
    <div className="table-scroll" tabIndex={0}>
      <table>{children}</table>
    </div>
  ),
  pre: ({ children }) => <Code>{children}</Code>,
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
