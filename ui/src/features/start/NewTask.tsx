import { Button, Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { uploadFile } from "@/api/files";
import { newKey } from "@/api/http";
import { asProblem, type Problem } from "@/api/problem";
import { createSession, listModes, sendMessage } from "@/api/sessions";
import type { ModeInfo } from "@/api/types";
import { Icon } from "@/components/Icon";
import { ErrorState } from "@/components/States";
import { useDraft } from "@/lib/draft";
import { bytes } from "@/lib/format";
import styles from "./NewTask.module.css";
import { SAMPLE_TEXT, SAMPLES } from "./samples";

const PASTED = "source.md";

export function NewTask() {
  const navigate = useNavigate();
  const [task, setTask] = useDraft("new-task");
  const [source, setSource] = useDraft("new-source");
  const [files, setFiles] = useState<readonly File[]>([]);
  const [mode, setMode] = useState("planning-control");
  const [approve, setApprove] = useState(true);
  const [starting, setStarting] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const modes = useQuery({ queryKey: ["modes"], queryFn: listModes, staleTime: Infinity });
  const attempt = useRef({ key: "", sessionId: "", made: "" });

  const chosen = chosenOf(modes.data, mode);

  async function start() {
    if (!task.trim() || starting) return;
    setProblem(null);
    setStarting("Starting");
    try {
      // Whoever types fast is done before the modes have come.
      const wanted = chosen ?? chosenOf((await modes.refetch({ cancelRefetch: false })).data, mode);
      if (!wanted) return;
      const sessionId = await begin(wanted);
      setTask("");
      setSource("");
      await navigate({ to: "/sessions/$id", params: { id: sessionId } });
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setStarting(null);
    }
  }

  /** Create, then put the files in, then start: a repeat after a failure goes on with the same session. */
  async function begin(chosenMode: ModeInfo): Promise<string> {
    const asksFirst = approve && canApprovePlan(chosenMode);
    const wanted = { mode: chosenMode.id, name: nameOf(task), config: asksFirst ? { approval_mode: "after_planning" } : {} };
    const made = JSON.stringify([wanted, task]);
    if (attempt.current.made !== made) attempt.current = { key: newKey(), sessionId: "", made };
    const now = attempt.current;
    if (!now.sessionId) {
      setStarting("Creating the session");
      now.sessionId = (await createSession(wanted, now.key)).session_id;
    }
    const uploads: [string, Blob][] = files.map((file) => [file.name, file]);
    if (source.trim()) uploads.push([PASTED, new Blob([source], { type: "text/markdown" })]);
    for (const [path, content] of uploads) {
      setStarting(`Uploading ${path}`);
      await uploadFile(now.sessionId, path, content);
    }
    setStarting("Starting");
    await sendMessage(now.sessionId, task.trim(), `${now.key}-start`);
    return now.sessionId;
  }

  return (
    <form
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        void start();
      }}
    >
      <Textarea
        label="What should be done?"
        autosize
        minRows={3}
        maxRows={12}
        required
        withAsterisk={false}
        value={task}
        onChange={(event) => setTask(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void start();
        }}
        size="md"
      />
      <div className={styles.samples} role="group" aria-label="Sample tasks">
        {SAMPLES.map((sample) => (
          <button
            key={sample.title}
            type="button"
            className={styles.sample}
            onClick={() => {
              setTask(sample.task);
              setMode(sample.mode);
              if (!source.trim()) setSource(SAMPLE_TEXT);
            }}
          >
            <strong>{sample.title}</strong>
            <span>{sample.about}</span>
          </button>
        ))}
      </div>

      <Textarea
        label="Text to work on"
        description="Paste it here, or add files. They go into the session's own folder."
        autosize
        minRows={3}
        maxRows={10}
        value={source}
        onChange={(event) => setSource(event.currentTarget.value)}
      />
      <FilePicker files={files} onChange={setFiles} />

      {modes.error ? (
        <ErrorState problem={asProblem(modes.error)} onRetry={() => void modes.refetch()} />
      ) : (
        <fieldset className={styles.modes}>
          <legend>How</legend>
          {(modes.data ?? []).map((each) => (
            <label key={each.id} className={styles.mode}>
              <input
                type="radio"
                name="mode"
                value={each.id}
                checked={each.id === chosen?.id}
                onChange={() => setMode(each.id)}
              />
              <span>
                <strong>{each.label}</strong>
                <span className={styles.about}>{each.description}</span>
                <span className={styles.badges}>
                  can pause{each.supports_resume && " · goes on after a failure"}
                  {each.supports_hitl && " · can ask you"}
                </span>
              </span>
            </label>
          ))}
        </fieldset>
      )}
      {chosen && canApprovePlan(chosen) && (
        <label className={styles.option}>
          <input type="checkbox" checked={approve} onChange={(event) => setApprove(event.currentTarget.checked)} />
          Show me the plan before the work starts
        </label>
      )}
      {problem && <ErrorState problem={problem} />}
      <div className={styles.actions}>
        <Button type="submit" loading={starting !== null} disabled={!task.trim()} leftSection={<Icon name="play" />}>
          Start
        </Button>
        <span role="status">{starting ?? ""}</span>
      </div>
    </form>
  );
}

function FilePicker({ files, onChange }: { files: readonly File[]; onChange: (files: readonly File[]) => void }) {
  return (
    <div className={styles.files}>
      <label className={styles.picker}>
        <Icon name="file" /> Add files
        <input
          type="file"
          multiple
          className="visually-hidden"
          onChange={(event) => {
            onChange([...files, ...(event.currentTarget.files ?? [])]);
            event.currentTarget.value = "";
          }}
        />
      </label>
      {files.map((file, index) => (
        <span key={`${file.name}-${index}`} className={styles.file}>
          {file.name} <span>{bytes(file.size)}</span>
          <button type="button" aria-label={`Remove ${file.name}`} onClick={() => onChange(files.filter((_, i) => i !== index))}>
            <Icon name="cross" size={12} />
          </button>
        </span>
      ))}
    </div>
  );
}

function chosenOf(modes: readonly ModeInfo[] | undefined, id: string): ModeInfo | undefined {
  return modes?.find((each) => each.id === id) ?? modes?.[0];
}

function canApprovePlan(mode: ModeInfo): boolean {
  const properties = mode.config_schema["properties"];
  return typeof properties === "object" && properties !== null && "approval_mode" in properties;
}

/** The first words of the task; a name can be changed later. */
function nameOf(task: string): string {
  const words = task.trim().split(/\s+/).join(" ");
  if (words.length <= 60) return words;
  const cut = words.slice(0, 58);
  const whole = cut.lastIndexOf(" ") > 20 ? cut.slice(0, cut.lastIndexOf(" ")) : cut;
  return `${whole.replace(/[\s,.;:–-]+$/, "")}…`;
}
