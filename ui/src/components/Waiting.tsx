import { Button } from "@mantine/core";
import { useQueryClient, type QueryKey } from "@tanstack/react-query";
import { EmptyState, Loading } from "./States";

interface Props {
  readonly query: { readonly fetchStatus: "fetching" | "paused" | "idle"; readonly refetch: () => unknown };
  readonly queryKey: QueryKey;
  readonly rows: number;
  /** Of the height of a row of a list. */
  readonly tall?: boolean;
  readonly label: string;
}

/** The place of what is being loaded for the first time; what takes long can be called off, and be asked for again. */
export function Waiting({ query, queryKey, rows, tall = false, label }: Props) {
  const queries = useQueryClient();
  if (query.fetchStatus === "idle")
    return (
      <EmptyState
        action={
          <Button size="xs" variant="default" onClick={() => void query.refetch()}>
            Load it
          </Button>
        }
      >
        Not loaded: it was called off.
      </EmptyState>
    );
  return <Loading rows={rows} tall={tall} label={label} onCancel={() => void queries.cancelQueries({ queryKey })} />;
}
