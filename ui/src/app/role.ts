import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { getSession } from "@/api/sessions";
import { useIsShared } from "@/components/Access";
import { useSettled } from "@/lib/settled";
import { useListHints } from "@/live/react";

interface Standing {
  readonly role: string | null;
  readonly ownerName: string | null;
}

/** What the person on this page is to a session, also when somebody gives them more or less of it meanwhile. */
export function useStanding(sessionId: string, first: Standing): Standing {
  const queries = useQueryClient();
  const queryKey = ["standing", sessionId];
  const changes = useIsShared() && first.role !== "owner"; // an owner stays one
  const { data } = useQuery({
    queryKey,
    queryFn: async () => {
      const session = await getSession(sessionId);
      return { role: session.role, ownerName: session.owner_name } as Standing;
    },
    enabled: changes,
    initialData: first,
    staleTime: Infinity,
  });
  const refresh = useSettled(
    useCallback(() => void queries.invalidateQueries({ queryKey: ["standing", sessionId] }), [queries, sessionId]),
  );
  useListHints(
    useCallback(
      (hint) => {
        if (changes && (hint.session_id === undefined || hint.session_id === sessionId)) refresh();
      },
      [changes, refresh, sessionId],
    ),
  );
  return changes ? data : first;
}
