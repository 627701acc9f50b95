import { useQuery } from "@tanstack/react-query";
import { listSessionAudit } from "@/api/audit";
import { listShares } from "@/api/shares";
import { useIsShared } from "@/components/Access";
import { Dialog } from "@/components/Dialog";
import { Entries, useNames, type Names } from "./Entries";

/** Who did what to one session; for its owner and administrators. */
export default function SessionAudit({ sessionId, onClose }: { sessionId: string; onClose: () => void }) {
  return (
    <Dialog title="Who did what" onClose={onClose} wide>
      <Entries
        queryKey={["audit", sessionId]}
        read={(cursor) => listSessionAudit(sessionId, cursor)}
        names={useSessionNames(sessionId)}
      />
    </Dialog>
  );
}

function useSessionNames(sessionId: string): Names {
  const several = useIsShared();
  const shares = useQuery({ queryKey: ["shares", sessionId], queryFn: () => listShares(sessionId), enabled: several });
  return useNames(shares.data);
}
