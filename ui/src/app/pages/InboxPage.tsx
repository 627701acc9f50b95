import { ApprovalCard } from "@/features/approvals/ApprovalCard";
import { Inbox } from "@/features/inbox/Inbox";
import { approvalOf } from "@/live/snapshot";
import { useTitle } from "../title";
import styles from "./pages.module.css";

export default function InboxPage() {
  useTitle("Inbox");
  return (
    <>
      <div className={styles.head}>
        <h1>Inbox</h1>
      </div>
      <Inbox request={(approval) => <ApprovalCard approval={approvalOf(approval)} />} />
    </>
  );
}
