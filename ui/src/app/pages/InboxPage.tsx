import { ApprovalCard } from "@/features/approvals/ApprovalCard";
import { Inbox } from "@/features/inbox/Inbox";
import { useKeys } from "@/lib/keys";
import { approvalOf } from "@/live/snapshot";
import { useBack } from "../back";
import { useTitle } from "../title";
import styles from "./pages.module.css";

export default function InboxPage() {
  useTitle("Inbox");
  useKeys({ Escape: useBack() });
  return (
    <>
      <div className={styles.head}>
        <h1>Inbox</h1>
      </div>
      <Inbox request={(approval) => <ApprovalCard approval={approvalOf(approval)} />} />
    </>
  );
}
