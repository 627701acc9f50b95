import { NewTask } from "@/features/start/NewTask";
import { useTitle } from "../title";
import styles from "./pages.module.css";

export function NewSessionPage() {
  useTitle("New session");
  return (
    <>
      <div className={styles.head}>
        <h1>New session</h1>
      </div>
      <NewTask />
    </>
  );
}
