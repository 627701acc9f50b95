import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { asProblem, fieldErrors, type Problem } from "@/api/problem";
import { changeSession, listModes } from "@/api/sessions";
import { useMay } from "@/components/Access";
import { CodeBlock } from "@/components/CodeBlock";
import { SchemaFields } from "@/components/form/SchemaFields";
import { JsonView } from "@/components/JsonView";
import { Segmented } from "@/components/Segmented";
import { SecretChip } from "@/components/SecretChip";
import { ErrorState, Loading } from "@/components/States";
import { fieldsOf, given, words, type Field, type Values } from "@/lib/schema";
import { secretName, secretWords } from "@/lib/secrets";
import { asFields } from "@/live/frames";
import type { SessionState } from "@/live/session-state";
import { asCli, asCurl } from "./commands";
import styles from "./Config.module.css";

type View = "values" | "json" | "command";

/** What holds for this session, where each value comes from, and how to start one like it. */
export default function ConfigTab({ state, grants }: { state: SessionState; grants: ReactNode }) {
  const modes = useQuery({ queryKey: ["modes"], queryFn: listModes, staleTime: Infinity });
  const [view, setView] = useState<View>("values");
  const [all, setAll] = useState(false);
  const mode = modes.data?.find((each) => each.id === state.facts.mode);
  if (!modes.data)
    return modes.error ? (
      <ErrorState problem={asProblem(modes.error)} onRetry={() => void modes.refetch()} />
    ) : (
      <Loading />
    );
  const fields = mode ? fieldsOf(mode.config_schema) : [];
  const config = state.facts.config;
  return (
    <div className={styles.config}>
      <Segmented
        label="View of the configuration"
        value={view}
        options={[
          ["values", "Values"],
          ["json", "JSON"],
          ["command", "As a command"],
        ]}
        onChange={setView}
      />
      {view === "json" && (
        <JsonView
          value={{ mode: state.facts.mode, config, resource_limits: state.facts.limits }}
          label="Configuration"
        />
      )}
      {view === "command" && (
        <>
          <Copyable label="Command line" text={asCli(state)} />
          <Copyable label="HTTP" text={asCurl(state, window.location.origin)} />
        </>
      )}
      {view === "values" && (
        <>
          {!mode && (
            <p className={styles.dim}>
              The mode {state.facts.mode} is not installed here any more; these are the values it was given.
            </p>
          )}
          <Values fields={fields} config={config} all={all} />
          {fields.length > 0 && (
            <Button variant="subtle" size="compact-sm" onClick={() => setAll(!all)} className={styles.more ?? ""}>
              {all ? "Only what was set" : "Show the mode’s defaults too"}
            </Button>
          )}
          <Limits state={state} schema={asFields(asFields(mode?.config_schema["$defs"])["ResourceLimits"])} />
          {grants}
        </>
      )}
    </div>
  );
}

function Values({
  fields,
  config,
  all,
}: {
  fields: readonly Field[];
  config: Readonly<Record<string, unknown>>;
  all: boolean;
}) {
  const known = new Set(fields.map((field) => field.name));
  const rows = [
    ...fields.map((field) => ({
      name: field.name,
      label: field.label,
      value: config[field.name],
      fallback: field.fallback,
    })),
    ...Object.entries(config)
      .filter(([name]) => !known.has(name))
      .map(([name, value]) => ({ name, label: name, value, fallback: undefined })),
  ].filter((row) => all || row.value !== undefined);
  if (rows.length === 0) return <p className={styles.dim}>Nothing was set: the mode’s own defaults hold.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Setting</th>
          <th scope="col">Value</th>
          <th scope="col">From</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.name}>
            <th scope="row" title={row.name}>
              {row.label}
            </th>
            <td>
              <Shown value={row.value ?? row.fallback} />
            </td>
            <td className={styles.dim}>{row.value === undefined ? "default" : "this session"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Shown({ value }: { value: unknown }) {
  const secret = secretName(value);
  return secret === null ? shown(value) : <SecretChip name={secret} />;
}

function shown(value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  const secret = secretName(value);
  if (secret !== null) return `the secret ${secretWords(secret)}`;
  if (typeof value === "object") {
    const entries = Object.entries(value);
    return entries.length === 0
      ? "–"
      : entries
          .map(([name, each]) => (Array.isArray(value) ? shown(each) : `${words(name)}: ${shown(each)}`))
          .join(", ");
  }
  return typeof value === "boolean" ? (value ? "yes" : "no") : words(value);
}

/** The session's limits can be changed at any time; a run that waits for more goes on. */
function Limits({ state, schema }: { state: SessionState; schema: Readonly<Record<string, unknown>> }) {
  const [edited, setEdited] = useState<Values | null>(null);
  const [version, setVersion] = useState(state.facts.version);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const fields = fieldsOf(schema);
  const mayChange = useMay("edit");
  if (fields.length === 0) return null;
  const stale = problem?.code === "stale-version";
  const save = async () => {
    setBusy(true);
    setProblem(null);
    const now = stale ? state.facts.version : version;
    setVersion(now);
    const wanted = given(edited ?? {});
    const removed = Object.fromEntries(
      Object.keys(state.facts.limits)
        .filter((name) => !(name in wanted))
        .map((name) => [name, null]),
    );
    try {
      await changeSession(state.sessionId, { resource_limits: { ...wanted, ...removed } }, now);
      setEdited(null);
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <section className={styles.limits} aria-labelledby="limits-title">
      <h2 id="limits-title">Limits of this session</h2>
      {edited === null ? (
        <>
          <p className={styles.dim}>
            {Object.keys(state.facts.limits).length === 0
              ? "No limits: nothing stops a run but its end."
              : shown(state.facts.limits)}
          </p>
          {mayChange && (
            <Button
              size="xs"
              variant="default"
              onClick={() => {
                setVersion(state.facts.version);
                setEdited(state.facts.limits);
              }}
            >
              Change limits
            </Button>
          )}
        </>
      ) : (
        <>
          <SchemaFields
            fields={fields}
            values={edited}
            onChange={setEdited}
            errors={fieldErrors(problem)}
            path="resource_limits"
          />
          {stale ? (
            <p role="alert" className={styles.stale}>
              Changed in another place meanwhile; there it is now: {shown(state.facts.limits)}. What you typed is kept.
            </p>
          ) : (
            problem && <ErrorState problem={problem} />
          )}
          <div>
            <Button size="xs" loading={busy} onClick={() => void save()}>
              {stale ? "Use mine" : "Save"}
            </Button>{" "}
            <Button size="xs" variant="default" onClick={() => setEdited(null)}>
              Cancel
            </Button>
          </div>
        </>
      )}
    </section>
  );
}

function Copyable({ label, text }: { label: string; text: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <section className={styles.copyable}>
      <header>
        <h2>{label}</h2>
        <Button
          size="compact-xs"
          variant="default"
          onClick={() => void navigator.clipboard?.writeText(text).then(() => setCopied(true))}
        >
          {copied ? "Copied" : "Copy"}
        </Button>
      </header>
      <CodeBlock text={text} label={label} />
    </section>
  );
}
