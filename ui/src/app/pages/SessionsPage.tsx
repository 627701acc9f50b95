import { Button } from "@mantine/core";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Icon } from "@/components/Icon";
import { SessionList } from "@/features/sessions/SessionList";
import { useBack } from "../back";
import { useTitle } from "../title";
import { FirstRun } from "./FirstRun";
import styles from "./pages.module.css";

const route = getRouteApi("/sessions");

export default function SessionsPage() {
  const filters = route.useSearch();
  const navigate = route.useNavigate();
  const back = useBack();
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
        filters={filters}
        onFilters={(next) => void navigate({ search: { ...next }, replace: true })}
        onBack={back}
        firstRun={<FirstRun />}
      />
    </>
  );
}
