import { NewTask } from "@/features/start/NewTask";
import styles from "./pages.module.css";

export function FirstRun() {
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
