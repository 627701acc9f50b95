import { useEffect, useState } from "react";

interface Seek {
  /** Rows that match among those that are here. */
  readonly found: number;
  readonly hasOlder: boolean;
  readonly fetching: boolean;
  readonly failed: boolean;
  readonly fetchOlder: () => void;
  /** What is looked for; another search ends this one. */
  readonly wanted: string;
  /** Rows came in that match, this many before the ones known. */
  readonly onFound?: (before: number) => void;
}

/**
 * Reads a log backwards, stretch by stretch, until something older matches: a search over what is not here yet.
 * Ends by itself at the first match, at the beginning of the log and when reading fails.
 */
export function useSeek({ found, hasOlder, fetching, failed, fetchOlder, wanted, onFound }: Seek) {
  const [known, setKnown] = useState<number | null>(null);
  useEffect(() => setKnown(null), [wanted]);
  useEffect(() => {
    if (known === null || fetching) return;
    if (found > known) onFound?.(found - known);
    if (found > known || !hasOlder || failed) setKnown(null);
    else fetchOlder();
  }, [known, found, hasOlder, fetching, failed]);
  return {
    seeking: known !== null,
    seek: () => setKnown(found),
    stop: () => setKnown(null),
  };
}
