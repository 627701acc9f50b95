import { Button } from "@mantine/core";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Icon } from "@/components/Icon";
import { SessionList } from "@/features/sessions/SessionList";
import { NewTask } from "@/features/start/NewTask";
import { useTitle } from "../title";
import styles from "./pages.module.css";

export function SessionsPage({ route }: { route: "/" | "/sessions" }) {
  const api = getRouteApi(route);
  const { q } = api.useSearch() as { q?: string };
  const navigate = api.useNavigate();
  useTitle("Sessions");
  return (
    <>
      <div className={styles.head}>
        <h1>Sessions</h1>
        <Button component={Link} to="/new" leftSection={<Icon name="plus" />}>
          New session
        </Button>
      </div>
      <SessionList
        search={q ?? ""}
        onSearch={(text) => void navigate({ to: "/sessions", search: text ? { q: text } : {}, replace: true })}
        firstRun={<FirstRun />}
      />
    </>
  );
}

function FirstRun() {
  return (
    <>
      <p className={styles.intro}>
        Nothing here yet. Give a task: every step is saved as it is done, so you can close this page, stop the server or
        pause for a week, and the work goes on where it was.
      </p>
      <NewTask />
    </>
  );
}
