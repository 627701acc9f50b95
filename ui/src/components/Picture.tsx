import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { readBlob } from "@/api/files";
import { pictureType } from "@/lib/pictures";
import type { FileEntry } from "@/live/session-state";
import styles from "./Picture.module.css";

export const MAX_PICTURE_BYTES = 20_000_000;

/**
 * A picture among a session's files as an address of this page only. Its type is told by its name: whatever the bytes
 * are, no browser takes them for anything but a picture.
 */
export function usePicture(sessionId: string, file: FileEntry, wanted: boolean) {
  const tooLarge = file.size !== null && file.size > MAX_PICTURE_BYTES;
  const query = useQuery({
    queryKey: ["picture", sessionId, file.path, file.at, file.size],
    queryFn: () => readBlob(sessionId, file.path, pictureType(file.path) ?? "application/octet-stream"),
    enabled: wanted && !tooLarge,
    gcTime: 60_000,
  });
  const blob = query.data;
  const [address, setAddress] = useState<string | null>(null);
  useEffect(() => {
    if (!blob) return;
    const made = URL.createObjectURL(blob);
    setAddress(made);
    return () => {
      setAddress(null);
      URL.revokeObjectURL(made);
    };
  }, [blob]);
  return { query, address, tooLarge };
}

interface Props {
  readonly sessionId: string;
  readonly file: FileEntry;
  /** What it shows, in words. */
  readonly alt: string;
  /** In a row of others, not in a text. */
  readonly small?: boolean;
  /** It stands inside a link. */
  readonly plain?: boolean;
}

/** A picture of the session where it is spoken of; it leads to the file. It is read when it comes into view. */
export function Picture({ sessionId, file, alt, small = false, plain = false }: Props) {
  const [box, seen] = useSeen();
  const { query, address, tooLarge } = usePicture(sessionId, file, seen);
  const [broken, setBroken] = useState(false);
  const words = alt || file.path;
  const shown =
    tooLarge || broken || query.error ? (
      <span>
        Image: {words}{tooLarge ? " (too large to show here)" : " (it cannot be shown)"}
      </span>
    ) : address ? (
      <img src={address} alt={words} onError={() => setBroken(true)} />
    ) : (
      <span className={styles.coming} role="img" aria-label={words} />
    );
  return (
    <span ref={box} className={styles.picture} data-small={small || undefined}>
      {plain ? (
        shown
      ) : (
        <Link to="/sessions/$id" params={{ id: sessionId }} search={{ tab: "files", file: file.path }} title={file.path}>
          {shown}
        </Link>
      )}
    </span>
  );
}

/** Whether an element has been in view. */
function useSeen() {
  const box = useRef<HTMLSpanElement>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const element = box.current;
    if (seen || !element) return;
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) setSeen(true);
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [seen]);
  return [box, seen] as const;
}
