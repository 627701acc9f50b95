import { Settings } from "@/features/settings/Settings";
import { useTitle } from "../title";
import styles from "./pages.module.css";

export default function SettingsPage() {
  useTitle("Settings");
  return (
    <>
      <div className={styles.head}>
        <h1>Settings</h1>
      </div>
      <Settings />
    </>
  );
}
