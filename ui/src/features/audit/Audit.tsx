import { useQuery, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { useState } from "react";
import { listAudit } from "@/api/audit";
import type { AuditPage } from "@/api/types";
import { listUsers } from "@/api/users";
import { useIsShared } from "@/components/Access";
import fields from "@/components/form/form.module.css";
import { useDelayed } from "@/lib/delayed";
import styles from "./Audit.module.css";
import { Entries, useNames } from "./Entries";

const KNOWN = "audit-actions";

/** Who did what on the whole server, also to what is gone by now; for administrators. */
export default function ServerAudit() {
  const [text, setText] = useState("");
  const [actorId, setActorId] = useState("");
  const action = useDelayed(text.trim());
  const several = useIsShared();
  const users = useQuery({ queryKey: ["users", ""], queryFn: () => listUsers(""), enabled: several });
  const names = useNames(users.data?.users);
  const filter = { ...(action ? { action } : {}), ...(actorId ? { actorId } : {}) };
  const who = actorId ? ` by ${names.get(actorId) ?? "them"}` : "";
  return (
    <section className={styles.audit} aria-labelledby="audit-title">
      <h2 id="audit-title">Who did what</h2>
      <div className={styles.filters}>
        <input
          type="search"
          className={fields.control}
          aria-label="Action"
          placeholder="An action, like share.create"
          list={KNOWN}
          autoCapitalize="none"
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Suggestions id={KNOWN} />
        {users.data && (
          <select
            className={fields.control}
            aria-label="Person"
            value={actorId}
            onChange={(event) => setActorId(event.currentTarget.value)}
          >
            <option value="">Everybody</option>
            {users.data.users.map((each) => (
              <option key={each.user_id} value={each.user_id}>
                {each.name}
              </option>
            ))}
          </select>
        )}
      </div>
      <Entries
        queryKey={["audit", "server", action, actorId]}
        read={(cursor) => listAudit(filter, cursor)}
        names={names}
        nothing={action ? `No entry for “${action}”${who}.` : actorId ? `No entry${who}.` : undefined}
      />
    </section>
  );
}

/** The actions of the newest entries; the server knows others, which can be typed. */
function Suggestions({ id }: { id: string }) {
  const queries = useQueryClient();
  const pages = queries.getQueryData<InfiniteData<AuditPage>>(["audit", "server", "", ""])?.pages ?? [];
  const actions = new Set(pages.flatMap((page) => page.entries.map((entry) => entry.action)));
  return (
    <datalist id={id}>
      {[...actions].sort().map((each) => (
        <option key={each} value={each} />
      ))}
    </datalist>
  );
}
