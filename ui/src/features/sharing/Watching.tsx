import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { listViewers } from "@/api/shares";
import type { Viewer } from "@/api/types";
import { useIsShared, useMe } from "@/components/Access";
import { Face } from "@/components/Face";
import { useStream } from "@/live/react";
import styles from "./Sharing.module.css";

const SHOWN = 4;

/** Who else looks at the session just now. Nothing while one is alone. */
export function Watching({ sessionId }: { sessionId: string }) {
  const several = useIsShared();
  const me = useMe();
  const stream = useStream();
  const queries = useQueryClient();
  const query = useQuery({
    queryKey: ["viewers", sessionId],
    queryFn: () => listViewers(sessionId),
    enabled: several,
    retry: false,
  });
  useEffect(() => {
    const stopPresence = stream.onPresence((of, viewers) => {
      if (of === sessionId) queries.setQueryData(["viewers", sessionId], viewers as readonly Viewer[]);
    });
    const stopList = stream.onList((hint) => {
      // after an outage nobody said who came and went meanwhile
      if (hint.type === "resync") void queries.invalidateQueries({ queryKey: ["viewers", sessionId] });
    });
    return () => {
      stopPresence();
      stopList();
    };
  }, [sessionId, stream, queries]);
  const others = (query.data ?? []).filter((viewer) => viewer.user_id !== me?.user_id);
  if (!several || others.length === 0) return null;
  const names = others.map((viewer) => viewer.name).join(", ");
  return (
    <span className={styles.watching} role="img" aria-label={`Watching now: ${names}`} title={`Watching now: ${names}`}>
      {others.slice(0, SHOWN).map((viewer) => (
        <Face key={viewer.user_id} id={viewer.user_id} name={viewer.name} small />
      ))}
      {others.length > SHOWN && <span className={styles.rest}>+{others.length - SHOWN}</span>}
    </span>
  );
}
