import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { listAudit } from "@/api/audit";
import { listUsers } from "@/api/users";
import { useIsShared } from "@/components/Access";
import fields from "@/components/form/form.module.css";
import { useDelayed } from "@/lib/delayed";
import styles from "./Audit.module.css";
import { Entries, useNames, type Names } from "./Entries";

/** Who did what on the whole server, also to what is gone by now; for administrators. */
export default function ServerAudit() {
  const [text, setText] = useState("");
  const action = useDelayed(text.trim());
  return (
    <section className={styles.audit} aria-labelledby="audit-title">
      <h2 id="audit-title">Who did what</h2>
      <div className={styles.filters}>
        <input
          type="search"
          className={fields.control}
          aria-label="Action"
          placeholder="An action, like session.share"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
      </div>
      <Entries
        queryKey={["audit", "server", action]}
        read={(cursor) => listAudit(action ? { action } : {}, cursor)}
        names={useServerNames()}
        nothing={action ? `No entry for “${action}”.` : undefined}
      />
    </section>
  );
}

function useServerNames(): Names {
  const several = useIsShared();
  const users = useQuery({ queryKey: ["users", ""], queryFn: () => listUsers(""), enabled: several });
  return useNames(users.data?.users);
}
