import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { getSession } from "@/api/sessions";
import { Loading } from "@/components/States";
import { NewTask } from "@/features/start/NewTask";
import { withoutOwnSecrets } from "@/lib/secrets";
import { useTitle } from "../title";
import styles from "./pages.module.css";

const route = getRouteApi("/new");

export default function NewSessionPage() {
  const { from } = route.useSearch();
  const like = useQuery({
    queryKey: ["like", from],
    queryFn: () => getSession(from ?? ""),
    enabled: from !== undefined,
    retry: false,
  });
  useTitle("New session");
  const given = like.data && {
    name: like.data.name,
    mode: like.data.mode,
    task: like.data.current_run?.task ?? "",
    config: withoutOwnSecrets(like.data.config),
    limits: like.data.resource_limits,
  };
  return (
    <>
      <div className={styles.head}>
        <h1>New session</h1>
      </div>
      {from && like.isPending ? <Loading /> : <NewTask key={from ?? ""} {...(given ? { like: given } : {})} />}
    </>
  );
}
