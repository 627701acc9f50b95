import { Join } from "@/features/sharing/Join";
import { useTitle } from "../title";
import styles from "./pages.module.css";

export default function JoinPage() {
  useTitle("Shared with you");
  return (
    <>
      <div className={styles.head}>
        <h1>Shared with you</h1>
      </div>
      <Join />
    </>
  );
}
