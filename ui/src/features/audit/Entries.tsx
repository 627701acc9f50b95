import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import type { listAudit } from "@/api/audit";
import { asProblem } from "@/api/problem";
import type { AuditEntry } from "@/api/types";
import { useMe } from "@/components/Access";
import { Ago } from "@/components/Ago";
import { JsonView } from "@/components/JsonView";
import { EmptyState, ErrorState, Loading } from "@/components/States";
import { integer } from "@/lib/format";
import { programOf } from "@/lib/program";
import styles from "./Audit.module.css";

interface Props {
  readonly queryKey: readonly string[];
  readonly read: (cursor: string | null) => ReturnType<typeof listAudit>;
  readonly names: Names;
  readonly nothing?: string | undefined;
}

export type Names = ReadonlyMap<string, string>;

const ITSELF = "00000000-0000-7000-8000-000000000000";
const NOBODY = "00000000-0000-0000-0000-000000000000";

/** What the log keeps are ids; people know each other by name. */
export function useNames(others: readonly { readonly user_id: string; readonly name: string }[] | undefined): Names {
  const me = useMe();
  return new Map([
    [ITSELF, "the server"],
    [NOBODY, "nobody signed in"],
    ...(others ?? []).map((each) => [each.user_id, each.name] as const),
    ...(me ? [[me.user_id, me.name] as const] : []),
  ]);
}

export function Entries({ queryKey, read, names, nothing }: Props) {
  const query = useInfiniteQuery({
    queryKey: [...queryKey],
    queryFn: ({ pageParam }) => read(pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
    staleTime: 0,
  });
  if (query.error && !query.data)
    return <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />;
  if (!query.data) return <Loading rows={6} label="Loading the audit log" />;
  const entries = query.data.pages.flatMap((page) => page.entries);
  if (entries.length === 0) return <EmptyState>{nothing ?? "What people do here appears here."}</EmptyState>;
  return (
    <div className={styles.audit}>
      <div className={styles.scroll} tabIndex={0} role="region" aria-label="Audit log">
        <table>
          <thead>
            <tr>
              <th scope="col">Who</th>
              <th scope="col">When</th>
              <th scope="col">Did</th>
              <th scope="col">What</th>
              <th scope="col">From</th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry) => (
              <Row key={entry.position} entry={entry} names={names} />
            ))}
          </tbody>
        </table>
      </div>
      <div className={styles.more}>
        {query.hasNextPage && (
          <Button
            size="xs"
            variant="default"
            loading={query.isFetchingNextPage}
            onClick={() => void query.fetchNextPage()}
          >
            Older
          </Button>
        )}
        <span>
          {integer(entries.length)} of {integer(query.data.pages[0]?.total ?? 0)}
        </span>
      </div>
      {query.error && <ErrorState problem={asProblem(query.error)} onRetry={() => void query.fetchNextPage()} />}
    </div>
  );
}

function Row({ entry, names }: { entry: AuditEntry; names: Names }) {
  const details = entry.details;
  const hasDetails = details && Object.keys(details).length > 0;
  return (
    <tr data-refused={entry.result === "refused" || undefined}>
      <td title={entry.actor_id}>{names.get(entry.actor_id) ?? `…${entry.actor_id.slice(-8)}`}</td>
      <td className={styles.dim}>
        <Ago at={entry.timestamp} />
      </td>
      <td className={styles.action}>
        {entry.action}
        {entry.result === "refused" && " (refused)"}
      </td>
      <td>
        {hasDetails ? (
          <details>
            <summary>{entry.object_type}</summary>
            <JsonView value={details} label={`Details of entry ${entry.position}`} />
          </details>
        ) : (
          <span className={styles.dim}>{entry.object_type}</span>
        )}
      </td>
      <td className={styles.dim} title={entry.source ?? undefined}>
        {fromOf(entry.source)}
      </td>
    </tr>
  );
}

function fromOf(source: string | null | undefined): string {
  const [address = "", program] = source?.split(" ") ?? [];
  // an address has a dot or a colon; what has none is a place, such as the command line
  return source && program && /[.:]/.test(address) ? `${programOf(source)}, ${address}` : (source ?? "");
}
