import { useMantineColorScheme, type MantineColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { asProblem } from "@/api/problem";
import { getReadiness, getStats } from "@/api/server";
import fields from "@/components/form/form.module.css";
import { JsonView } from "@/components/JsonView";
import { Segmented } from "@/components/Segmented";
import { ErrorState, Loading } from "@/components/States";
import { SINGLE_KEYS } from "@/lib/keys";
import { NOTIFY, ONE_AT_A_TIME } from "@/lib/settings";
import { useStored } from "@/lib/stored";
import styles from "./Settings.module.css";

/** What this browser remembers of a person's wishes, and what the server says of itself. */
export function Settings() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const [oneAtATime, setOneAtATime] = useStored(ONE_AT_A_TIME, true);
  const [singleKeys, setSingleKeys] = useStored(SINGLE_KEYS, true);
  return (
    <div className={styles.settings}>
      <section aria-labelledby="settings-look">
        <h2 id="settings-look">Look</h2>
        <Segmented<MantineColorScheme>
          label="Theme"
          value={colorScheme}
          options={[
            ["auto", "As the system"],
            ["light", "Light"],
            ["dark", "Dark"],
          ]}
          onChange={setColorScheme}
        />
      </section>
      <section aria-labelledby="settings-work">
        <h2 id="settings-work">Work</h2>
        <Switch
          on={oneAtATime}
          onChange={setOneAtATime}
          about="Starting or resuming a session while another is running asks whether to pause that one. Switched off, both run."
        >
          Ask before a second session runs
        </Switch>
        <Switch
          on={singleKeys}
          onChange={setSingleKeys}
          about="p pauses, j and k move, a approves. Switch them off if you press them by accident; Ctrl K always works."
        >
          Single keys do things
        </Switch>
        <Notify />
      </section>
      <Server />
      <p className={styles.note}>These are kept in this browser.</p>
    </div>
  );
}

function Switch({
  on,
  onChange,
  about,
  children,
}: {
  on: boolean;
  onChange: (on: boolean) => void;
  about: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className={fields.field}>
      <label className={fields.check}>
        <input type="checkbox" checked={on} onChange={(event) => onChange(event.currentTarget.checked)} />
        <span>{children}</span>
      </label>
      <p className={fields.about}>{about}</p>
    </div>
  );
}

function Notify() {
  const [on, setOn] = useStored(NOTIFY, false);
  const [denied, setDenied] = useState(typeof Notification === "undefined" || Notification.permission === "denied");
  const change = async (wanted: boolean) => {
    if (!wanted || typeof Notification === "undefined") return setOn(false);
    const permission = await Notification.requestPermission();
    setDenied(permission === "denied");
    setOn(permission === "granted");
  };
  return (
    <Switch
      on={on && !denied}
      onChange={(wanted) => void change(wanted)}
      about={
        denied
          ? "This browser does not allow notifications for this address."
          : "Only while you look at something else."
      }
    >
      Tell me on the desktop when a session needs me
    </Switch>
  );
}

function Server() {
  const ready = useQuery({ queryKey: ["ready"], queryFn: getReadiness, retry: false });
  const stats = useQuery({ queryKey: ["stats"], queryFn: getStats, retry: false });
  return (
    <section aria-labelledby="settings-server">
      <h2 id="settings-server">Server</h2>
      {ready.error ? (
        <ErrorState problem={asProblem(ready.error)} onRetry={() => void ready.refetch()} />
      ) : !ready.data ? (
        <Loading rows={2} />
      ) : (
        <dl className={styles.facts}>
          <div>
            <dt>Version</dt>
            <dd>{ready.data.version ?? "–"}</dd>
          </div>
          <div>
            <dt>Ready</dt>
            <dd>{ready.data.ready ? "yes" : "no"}</dd>
          </div>
          <div>
            <dt>Model</dt>
            <dd>
              {ready.data.model?.name ?? ready.data.model?.label ?? "–"}{" "}
              {ready.data.model?.status && `(${ready.data.model.status})`}
            </dd>
          </div>
          <div>
            <dt>Interface</dt>
            <dd>
              <a href="/docs">/docs</a>
            </dd>
          </div>
        </dl>
      )}
      {stats.data && (
        <details>
          <summary>Figures</summary>
          <JsonView value={stats.data} label="Figures" />
        </details>
      )}
    </section>
  );
}
