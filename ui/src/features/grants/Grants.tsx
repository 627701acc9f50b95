import { Button } from "@mantine/core";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useId } from "react";
import { listGrants, takeBack, type Category } from "@/api/grants";
import { asProblem } from "@/api/problem";
import { useMay } from "@/components/Access";
import { Icon } from "@/components/Icon";
import { ErrorState, Loading } from "@/components/States";
import { useDeed } from "@/components/useDeed";
import { CATEGORY_ALLOWED } from "@/lib/tools";
import type { SessionState } from "@/live/session-state";
import styles from "./Grants.module.css";

interface Props {
  readonly state: SessionState;
  /** Show nothing while nothing is allowed. */
  readonly quiet?: boolean;
}

/** What somebody allowed for the rest of the session, to be taken back. */
export function Grants({ state, quiet = false }: Props) {
  const { sessionId } = state;
  const queries = useQueryClient();
  const mayTake = useMay("control");
  const id = useId();
  const { busy, problem, run } = useDeed();
  const answered = state.approvals.filter((each) => each.status !== "pending").length;
  // a grant is no event of its own: it comes with an answer, and goes with a new version of the session
  const key = ["grants", sessionId, answered, state.tools.length, state.facts.version];
  const query = useQuery({
    queryKey: key,
    queryFn: () => listGrants(sessionId),
    placeholderData: keepPreviousData,
    retry: false,
  });
  const take = async (category: Category) => {
    await run(category, async () => queries.setQueryData(key, await takeBack(sessionId, category)));
  };
  if (quiet && !query.data?.length && !problem) return null;
  return (
    <section className={styles.grants} aria-labelledby={id}>
      <h2 id={id}>Allowed for this session</h2>
      {query.error && !query.data ? (
        <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />
      ) : !query.data ? (
        <Loading rows={1} label="Loading what is allowed" />
      ) : query.data.length === 0 ? (
        <p className={styles.note}>
          Nothing. “Allow for this session” in a question about a tool puts it here, and its calls ask no more.
        </p>
      ) : (
        <>
          <p className={styles.note}>Agents do this here without asking.</p>
          <ul aria-label="Allowed for this session">
            {query.data.map((category) => (
              <li key={category}>
                <span>
                  <Icon name="check" /> {CATEGORY_ALLOWED[category] ?? category}
                </span>
                {mayTake && (
                  <Button
                    size="xs"
                    variant="default"
                    loading={busy === category}
                    aria-label={`Take back: ${CATEGORY_ALLOWED[category] ?? category}`}
                    onClick={() => void take(category)}
                  >
                    Take back
                  </Button>
                )}
              </li>
            ))}
          </ul>
          {mayTake && <p className={styles.note}>Taken back, the next call asks; one that has begun goes on.</p>}
        </>
      )}
      {problem && <ErrorState problem={problem} />}
    </section>
  );
}
